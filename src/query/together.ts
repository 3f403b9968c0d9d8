/**
 * The kept answers of a leaf that groups rows, combined into one that is kept too. A dashboard whose range moves on asks for the same
 * pieces each time: then it gets one answer for all of them, however many they are, and scans and merges only what is new.
 */
import { COMBINE_ROWS_MIN, TOGETHER_PIECES_MIN } from '../config/limits.js';
import type { Leaf, Pieces } from './leaf.js';
import type { Partial } from './partial-cache.js';

/** Gathers the answers of all pieces of one leaf. State: gathering → complete | given up. */
export class Together {
  private readonly answers: Partial[] = [];
  private rows = 0;

  private constructor(readonly pieces: Pieces) {}

  /** Undefined where there are too few pieces to gain anything. */
  static of(leaf: Leaf): Together | undefined {
    const pieces = leaf.keptPieces();
    return pieces && pieces.count >= TOGETHER_PIECES_MIN ? new Together(pieces) : undefined;
  }

  get key(): string {
    return this.pieces.key;
  }

  /** @returns the answers so far with this one */
  giveUp(answer: Partial): { kind: 'feed'; answers: Partial[] } {
    return { kind: 'feed', answers: [...this.answers, answer] };
  }

  /** @returns what to do with the answers so far, which are given up by that: combine all, or feed some since there are too many groups */
  add(answer: Partial): { kind: 'combine' | 'feed'; answers: Partial[] } | undefined {
    this.answers.push(answer);
    this.rows += answer.rows;
    if (this.rows >= COMBINE_ROWS_MIN) return { kind: 'feed', answers: this.answers };
    return this.answers.length === this.pieces.count ? { kind: 'combine', answers: this.answers } : undefined;
  }
}
