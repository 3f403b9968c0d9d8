/** Words that can be completed without asking the server. */

export const KEYWORDS = (
  'ALL AND AS ASC BETWEEN BY CASE CAST COUNT CROSS DESC DISTINCT ELSE END EXCEPT EXISTS EXPLAIN ANALYZE FALSE FILTER FIRST FROM FULL ' +
  'GROUP HAVING ILIKE IN INNER INTERSECT INTERVAL INTO IS JOIN LAST LEFT LIKE LIMIT NOT NULL NULLS OFFSET ON OR ORDER OUTER OVER ' +
  'PARTITION RIGHT ROWS SELECT THEN TRUE UNION USING VALUES WHEN WHERE WINDOW WITH'
).split(' ');

/** What is used most, for servers that do not list their functions. */
export const FUNCTIONS = (
  'abs approx_distinct approx_percentile_cont array_agg avg btrim ceil coalesce concat count date_bin date_part date_trunc ' +
  'first_value floor greatest histogram last_value least length lower lpad ltrim match_all max median min now nullif percent_rank ' +
  'rank re_match re_not_match regexp_like regexp_replace replace reverse round row_number rpad rtrim split_part starts_with stddev ' +
  'str_match str_match_ignore_case strpos substr sum timestamp_bucket to_timestamp trim trunc upper'
).split(' ');
