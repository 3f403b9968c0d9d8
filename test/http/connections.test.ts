/** Who may be connected: strangers make room for others, who has credentials stays. */
import { describe, expect, test } from 'vitest';
import { descriptorLimit, divideDescriptors } from '../../src/config/descriptors.js';
import { FatalError } from '../../src/errors/index.js';
import { type Connection, Connections } from '../../src/http/connections.js';

function open(
  connections: Connections,
  address: string,
  cut: string[] = [],
  name = address,
): Connection | undefined {
  return connections.admit(address, () => cut.push(name));
}

describe('connections', () => {
  test('the oldest stranger goes for a new one', () => {
    const connections = new Connections({ total: 10, strangers: 2, byAddress: 10 });
    const cut: string[] = [];
    for (const name of ['a', 'b', 'c', 'd']) open(connections, name, cut);
    expect(cut).toEqual(['a', 'b']);
    expect([connections.count, connections.strangers.size, connections.refusedCount]).toEqual([2, 2, 2]);
  });

  test('who has credentials is never cut, whoever comes', () => {
    const connections = new Connections({ total: 3, strangers: 3, byAddress: 10 });
    const cut: string[] = [];
    for (const name of ['k1', 'k2', 'k3']) open(connections, name, cut)?.known();
    expect(open(connections, 'stranger', cut)).toBeUndefined();
    expect(cut).toEqual([]);
    expect(connections.count).toBe(3);
  });

  test('one address does not take all, and its own stranger goes first', () => {
    const connections = new Connections({ total: 10, strangers: 10, byAddress: 2 });
    const cut: string[] = [];
    open(connections, 'other', cut);
    open(connections, 'x', cut, 'x1')?.known();
    open(connections, 'x', cut, 'x2');
    expect(open(connections, 'x', cut, 'x3')).toBeDefined();
    expect(cut).toEqual(['x2']);
    const [stranger] = [...connections.strangers].slice(-1);
    stranger?.known();
    expect(open(connections, 'x', cut, 'x4')).toBeUndefined();
    expect(connections.count).toBe(3);
  });

  test('a place is given back once, whatever tells of the end', () => {
    const connections = new Connections({ total: 1, strangers: 1, byAddress: 1 });
    const first = open(connections, 'a');
    const second = open(connections, 'a');
    first?.closed();
    second?.closed();
    second?.closed();
    expect(connections.count).toBe(0);
    expect(open(connections, 'a')).toBeDefined();
  });
});

describe('descriptors', () => {
  const workers = { ingestWorkers: 2, queryWorkers: 2 };

  test('connections and data files get what the store leaves', () => {
    for (const limit of [512, 1024, 4096, 65_536]) {
      const { dataFilesByWorker, connections } = divideDescriptors(limit, workers);
      expect(connections.total + 2 * dataFilesByWorker).toBeLessThan(limit - 200);
      expect(connections.strangers).toBeLessThan(connections.total);
      expect(connections.byAddress).toBeLessThan(connections.total);
    }
    expect(divideDescriptors(65_536, workers)).toEqual(divideDescriptors(undefined, workers));
  });

  test('too few are told before anything begins, with what to set', () => {
    expect(() => divideDescriptors(100, workers)).toThrow(FatalError);
    expect(() => divideDescriptors(100, workers)).toThrow(
      /limit of open files is 100;.* at least \d+ .*ulimit -n 65536/,
    );
  });

  test('the limit is the one of this process', () => {
    expect(descriptorLimit()).toBeGreaterThan(0);
  });
});
