/** Statements out of lines: each ends at a semicolon that is in no string, quoted name or comment. */

type Place = 'sql' | "'" | '"' | '--' | '/*';

export class StatementBuffer {
  private text = '';
  private lineCount = 0;
  private place: Place = 'sql';

  /** What was typed of a statement that has not ended. */
  get pending(): string {
    return this.text;
  }

  get isEmpty(): boolean {
    return this.text.trim() === '';
  }

  /** Lines that the pending statement has so far. */
  get lines(): number {
    return this.lineCount;
  }

  /** Takes a line. @returns the statements that end on it, without their semicolons */
  add(line: string): string[] {
    const statements: string[] = [];
    if (this.lineCount++ > 0) this.text += '\n';
    for (let at = 0; at < line.length; ) {
      const length = this.place === 'sql' && line[at] === ';' ? 0 : this.step(line, at);
      if (length > 0) {
        this.text += line.slice(at, at + length);
        at += length;
        continue;
      }
      const statement = this.text.trim();
      if (statement !== '') statements.push(statement);
      this.text = '';
      at++;
    }
    if (this.place === '--') this.place = 'sql';
    if (this.isEmpty) this.clear();
    return statements;
  }

  clear(): void {
    this.text = '';
    this.lineCount = 0;
    this.place = 'sql';
  }

  /** Moves over one or two characters. @returns how many */
  private step(line: string, at: number): number {
    const two = line.slice(at, at + 2);
    const [one = ''] = two;
    if (this.place === 'sql') {
      if (two === '--' || two === '/*') return this.enter(two, 2);
      if (one === "'" || one === '"') return this.enter(one, 1);
      return 1;
    }
    if (this.place === '/*' && two === '*/') return this.enter('sql', 2);
    // A quote that is doubled leaves the text and enters it again, which comes to the same.
    if (this.place === one) return this.enter('sql', 1);
    return 1;
  }

  private enter(place: Place, length: number): number {
    this.place = place;
    return length;
  }
}
