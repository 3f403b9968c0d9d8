/**
 * Which connections are open, and how many may be. One that has shown good credentials is never closed for another's sake; strangers are
 * few at a time, and the one that came first goes when another wants its place. So a stranger can neither take the descriptors that
 * the store needs nor keep out who has credentials.
 *
 * Life of a connection: STRANGER → KNOWN → CLOSED, or STRANGER → CLOSED.
 */
export interface ConnectionLimits {
  /** All together. */
  total: number;
  /** Of those that have not shown credentials yet. */
  strangers: number;
  /** From one address. */
  byAddress: number;
}

export class Connection {
  private state: 'STRANGER' | 'KNOWN' | 'CLOSED' = 'STRANGER';

  constructor(
    readonly address: string,
    private readonly connections: Connections,
    /** Ends it at once. Its owner then tells `closed`. */
    readonly cut: () => void,
  ) {}

  /** It has shown good credentials. */
  known(): void {
    if (this.state !== 'STRANGER') return;
    this.state = 'KNOWN';
    this.connections.strangers.delete(this);
  }

  /** Its descriptor has been given back. */
  closed(): void {
    if (this.state === 'CLOSED') return;
    this.state = 'CLOSED';
    this.connections.remove(this);
  }
}

export class Connections {
  /** The oldest first. */
  readonly strangers = new Set<Connection>();
  private readonly countOf = new Map<string, number>();
  private openCount = 0;
  /** Refused, or closed to make room. */
  refusedCount = 0;

  constructor(private readonly limits: ConnectionLimits) {}

  get count(): number {
    return this.openCount;
  }

  /** @returns undefined when there is no room, or none for this address */
  admit(address: string, cut: () => void): Connection | undefined {
    const { limits, strangers } = this;
    const fromAddress = this.countOf.get(address) ?? 0;
    if (fromAddress >= limits.byAddress && !this.makeRoom((stranger) => stranger.address === address))
      return undefined;
    if (strangers.size >= limits.strangers || this.openCount >= limits.total) {
      if (!this.makeRoom(() => true)) return undefined;
    }
    const connection = new Connection(address, this, cut);
    this.openCount++;
    this.countOf.set(address, (this.countOf.get(address) ?? 0) + 1);
    strangers.add(connection);
    return connection;
  }

  remove(connection: Connection): void {
    this.strangers.delete(connection);
    this.openCount--;
    const left = (this.countOf.get(connection.address) ?? 1) - 1;
    if (left > 0) this.countOf.set(connection.address, left);
    else this.countOf.delete(connection.address);
  }

  /** Closes the oldest stranger of those that fit. */
  private makeRoom(fits: (stranger: Connection) => boolean): boolean {
    this.refusedCount++;
    for (const stranger of this.strangers) {
      if (!fits(stranger)) continue;
      stranger.cut();
      // A cut that tells later must not leave it counted: its place is given away now.
      stranger.closed();
      return true;
    }
    return false;
  }
}
