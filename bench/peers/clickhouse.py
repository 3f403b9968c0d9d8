"""Runs ClickHouse (chdb) for the bench: one JSON request a line on standard input, one JSON answer a line on standard output.

Request: {"sql": text}. Answer: {"milliseconds": inside this process, result as text included, "rows": JSONEachRow text,
"rss_peak_bytes": of this process so far}, or {"error": text}. The only argument is the folder of the database.
"""

import json
import os
import resource
import sys
import time


def main():
    # Whatever the engine prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from chdb import session

    database = session.Session(sys.argv[1])
    database.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
    database.query("USE bench")
    for line in sys.stdin:
        try:
            sql = json.loads(line)["sql"]
            started = time.perf_counter()
            rows = str(database.query(sql, "JSONEachRow"))
            milliseconds = (time.perf_counter() - started) * 1000
            rss_peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            answer = {"milliseconds": milliseconds, "rows": rows, "rss_peak_bytes": rss_peak_bytes}
        except Exception as error:
            answer = {"error": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    database.close()


main()
