/**
 * What is to be done when: the earliest first. A binary heap; an entry that was replaced by an earlier one is passed over when it is met.
 */
export class DueQueue<T> {
  private readonly heap: { dueMs: number; item: T }[] = [];
  /** The entry that counts, of each item. */
  private readonly dueOf = new Map<T, number>();

  /** Of an item that is queued already, the earlier time counts. */
  push(item: T, dueMs: number): void {
    const known = this.dueOf.get(item);
    if (known !== undefined && known <= dueMs) return;
    this.dueOf.set(item, dueMs);
    this.heap.push({ dueMs, item });
    this.rise(this.heap.length - 1);
  }

  /** Takes out the earliest item that is due. */
  popDue(nowMs: number): T | undefined {
    for (let first = this.heap[0]; first && first.dueMs <= nowMs; first = this.heap[0]) {
      const last = this.heap.pop() as { dueMs: number; item: T };
      if (this.heap.length > 0) {
        this.heap[0] = last;
        this.sink();
      }
      if (this.dueOf.get(first.item) !== first.dueMs) continue;
      this.dueOf.delete(first.item);
      return first.item;
    }
    return undefined;
  }

  private rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.swapIfEarlier(at, parent)) return;
      at = parent;
    }
  }

  private sink(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      if (left >= this.heap.length) return;
      const right = left + 1;
      const child = right < this.heap.length && this.due(right) < this.due(left) ? right : left;
      if (!this.swapIfEarlier(child, at)) return;
      at = child;
    }
  }

  private due(at: number): number {
    return (this.heap[at] as { dueMs: number }).dueMs;
  }

  private swapIfEarlier(child: number, parent: number): boolean {
    if (this.due(child) >= this.due(parent)) return false;
    const { heap } = this;
    [heap[child], heap[parent]] = [
      heap[parent] as { dueMs: number; item: T },
      heap[child] as { dueMs: number; item: T },
    ];
    return true;
  }
}
