/** The shell at a terminal: editing, history, completion, Ctrl-C. */
import { createInterface } from 'node:readline/promises';
import { HISTORY_MAX, type History } from './history.js';
import type { Session } from './session.js';

/** Resolves when the session has ended, by its command or Ctrl-D. */
export async function runTerminal(
  session: Session,
  history: History,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): Promise<void> {
  const editor = createInterface({
    input,
    output,
    completer: (line: string) => session.complete(line),
    history: history.entries,
    historySize: HISTORY_MAX,
    removeHistoryDuplicates: true,
  });
  let closed = false;
  let typed: string[] = [];
  const prompt = () => {
    if (closed) return;
    editor.setPrompt(session.prompt);
    editor.prompt();
  };
  // Lines that come while a statement runs, pasted or typed ahead, wait for it.
  let work: Promise<void> = Promise.resolve();
  const take = async (line: string) => {
    typed.push(line);
    await session.line(line);
    if (!session.pending) history.record(typed.splice(0));
    if (session.ended) editor.close();
    else prompt();
  };
  const finished = new Promise<void>((resolve, reject) => {
    editor.on('line', (line) => {
      work = work.then(() => take(line));
      work.catch(reject);
    });
    editor.on('close', () => {
      closed = true;
      work.then(resolve, reject);
    });
  });
  editor.on('SIGINT', () => {
    const idle = !session.busy;
    session.interrupt().catch(() => {});
    if (!idle) return;
    typed = [];
    // To the end of the line, then all of it away.
    editor.write(null, { ctrl: true, name: 'e' });
    output.write('^C\n');
    editor.write(null, { ctrl: true, name: 'u' });
    prompt();
  });
  prompt();
  await finished;
  if (!session.ended) output.write('\n');
}
