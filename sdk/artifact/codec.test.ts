import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createContext, runInContext } from "node:vm";
import * as fc from "fast-check";
import { decode, describeType, encode } from "./codec.ts";
import { bulkBytesMin, depthMax, keysMax } from "./encoding.ts";
import { RefusedArtifactError } from "./refused.ts";
import { EncodingError } from "./value-reader.ts";

function bytesOf(value: unknown): Uint8Array {
  return new Uint8Array(Buffer.concat(encode(value, "value")));
}

function roundTrip(value: unknown): unknown {
  return decode(bytesOf(value));
}

function refusalOf(value: unknown): RefusedArtifactError {
  try {
    encode(value, "model");
  } catch (error) {
    assert.ok(error instanceof RefusedArtifactError);
    assert.equal(error.artifact, "model");
    return error;
  }
  throw new assert.AssertionError({ message: "the value was not refused" });
}

const anything = fc.anything({
  key: fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__", "constructor", "toJSON", "0", "-0", "length")),
  values: [
    fc.string({ unit: "binary" }),
    fc.string({ minLength: 30, maxLength: 80 }),
    fc.array(fc.nat({ max: 0xffff })).map((units) => String.fromCharCode(...units)),
    fc.double(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0, 2 ** 31, -(2 ** 31), 2 ** 31 - 1),
    fc.bigInt(),
  ],
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});

/** A graph of containers that may hold each other and themselves in any way. */
const graphs = fc
  .array(
    fc.record({
      kind: fc.constantFrom("object", "array", "map", "set", "error"),
      leaf: anything,
      links: fc.array(fc.nat(), { maxLength: 4 }),
    }),
    {
      minLength: 1,
      maxLength: 12,
    },
  )
  .map((nodes) => {
    const made = nodes.map(({ kind }) => containers[kind]());
    for (const [index, { leaf, links }] of nodes.entries()) {
      const targets = [leaf, ...links.map((link) => made[link % made.length])];
      for (const [key, target] of targets.entries()) fill(made[index] ?? {}, `k${key}`, target);
    }
    return made;
  });

const containers = {
  object: () => ({}),
  array: () => [],
  map: () => new Map(),
  set: () => new Set(),
  error: () => new Error("graph"),
} as const satisfies Record<string, () => object>;

function fill(container: object, key: string, target: unknown): void {
  if (Array.isArray(container)) container.push(target);
  else if (container instanceof Map) container.set(key, target).set(target, key);
  else if (container instanceof Set) container.add(target);
  else Reflect.set(container, key, target);
}

function childrenOf(value: object): unknown[] {
  if (value instanceof Map) return [...value].flat();
  if (value instanceof Set) return [...value];
  return Object.values(value);
}

/** Fails unless an object that is met twice in one is met twice, at the same places, in the other. */
function assertSameSharing(left: unknown, right: unknown, pairs = new Map<object, object>()): void {
  if (typeof left !== "object" || left === null) return;
  assert.ok(typeof right === "object" && right !== null);
  if (pairs.has(left)) return assert.equal(pairs.get(left), right);
  assert.ok(![...pairs.values()].includes(right), "two objects came back as one");
  pairs.set(left, right);
  const rights = childrenOf(right);
  for (const [index, child] of childrenOf(left).entries()) assertSameSharing(child, rights[index], pairs);
}

describe("a value comes back equal", () => {
  test("whatever structured clone carries", () => {
    fc.assert(
      fc.property(anything, (value) => {
        structuredClone(value);
        assert.deepStrictEqual(roundTrip(value), value);
      }),
      { numRuns: 2000 },
    );
  });

  test("with its cycles and shared references", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const back = roundTrip(graph);
        assert.deepStrictEqual(back, graph);
        assertSameSharing(graph, back);
      }),
      { numRuns: 500 },
    );
  });

  test("and encoding it again gives the same bytes, so that a touched value is still the same artifact", () => {
    const check = (value: unknown): void => assert.deepEqual(bytesOf(roundTrip(value)), bytesOf(value));
    fc.assert(fc.property(anything, check), { numRuns: 1000 });
    fc.assert(fc.property(graphs, check), { numRuns: 300 });
  });

  test("however the engine holds its strings and arrays", () => {
    const wide = "é plain"; // two bytes for each character, also in its slices
    assert.deepEqual(bytesOf(wide.slice(2)), bytesOf("plain"));
    const holey: unknown[] = [];
    holey.length = 2;
    holey.fill(1, 0, 1).fill(2, 1);
    assert.deepEqual(bytesOf(holey), bytesOf([1, 2]));
    assert.deepEqual(bytesOf([1.5, 2].map((x) => x * 2)), bytesOf([3, 4]));
  });

  for (const [what, value] of Object.entries({
    "a regular expression": /a\/b[\]/]/giu,
    "a match with its named properties": "ab".match(/(?<x>a)/),
    "an invalid date": new Date(Number.NaN),
    "a large integer": [2 ** 53 - 1, -(2 ** 53), 1e308],
    "a huge bigint": -(10n ** 500n),
    "a sparse array with a distant element": Object.assign([], { 4_000_000_000: 1 }),
    "a long array with a hole": Object.assign(
      Array.from({ length: 500 }, () => 0),
      { length: 501 },
    ),
    "a long array with a property": Object.assign(
      Array.from({ length: 500 }, () => 0),
      { unit: "kg" },
    ),
    "a long array with undefined elements": Array.from({ length: 500 }),
    "a dictionary with more keys than the table": Object.fromEntries(Array.from({ length: keysMax + 10 }, (_, key) => [`k${key}`, [key]])),
    "a long string of each width": ["a", "é", "漢", "😀", "\ud800"].map((each) => each.repeat(70_000)),
    "nothing but a buffer": Buffer.from("bytes"),
    "an empty array of floats": new Float64Array(0),
    "a view that starts at an odd byte": new DataView(new ArrayBuffer(9), 1, 3),
    "memory of its own": new Uint8Array([1, 2, 3]).buffer,
  })) {
    test(what, () => assert.deepStrictEqual(roundTrip(value), value));
  }

  test("an object of another realm, as one of this", () => {
    assert.deepStrictEqual(roundTrip(runInContext("({ a: [1, new Map([[1, new Date(5)]])] })", createContext())), {
      a: [1, new Map([[1, new Date(5)]])],
    });
  });
});

describe("typed arrays", () => {
  test("a large one is neither copied when written nor when read", () => {
    const array = new Float64Array(bulkBytesMin);
    const chunks = encode(array, "value");
    assert.ok(chunks.some((chunk) => chunk.buffer === array.buffer));
    const bytes = new Uint8Array(Buffer.concat(chunks));
    const back = decode(bytes);
    assert.ok(back instanceof Float64Array);
    assert.equal(back.buffer, bytes.buffer);
    assert.deepEqual(back, array);
  });

  test("bytes that start where no float can are copied", () => {
    const array = new Float64Array(bulkBytesMin).fill(7);
    const shifted = new Uint8Array(Buffer.concat([Buffer.alloc(1), ...encode(array, "value")])).subarray(1);
    assert.deepEqual(decode(shifted), array);
  });

  test("what a view doesn't show of its buffer is not kept", () => {
    const secret = Buffer.from("secretsecretsecret and what is shown");
    assert.ok(!Buffer.from(bytesOf(secret.subarray(30))).includes("secret"));
  });

  for (const length of [4, bulkBytesMin]) {
    test(`two views of the same ${length} numbers share them again`, () => {
      const floats = new Float32Array(length);
      const back = roundTrip({ floats, bytes: new Uint8Array(floats.buffer), memory: floats.buffer });
      const { floats: f, bytes: b, memory: m } = back as { floats: Float32Array; bytes: Uint8Array; memory: ArrayBuffer };
      f[0] = 1;
      assert.deepEqual([...b.subarray(0, 4)], [0, 0, 128, 63]);
      assert.equal(m, f.buffer);
      assert.equal(m.byteLength, length * 4);
    });
  }

  test("an array of shared memory comes back with memory of its own", () => {
    const shared = new Int32Array(new SharedArrayBuffer(8)).fill(3);
    assert.deepEqual(roundTrip(shared), new Int32Array([3, 3]));
  });
});

describe("errors", () => {
  test("keep name, message, stack, cause and what else they have", () => {
    const error = Object.assign(new RangeError("too far", { cause: new Error("inner", { cause: { code: 1 } }) }), {
      errno: -2,
      path: "/x",
    });
    const back = roundTrip(error);
    assert.ok(back instanceof RangeError);
    assert.deepStrictEqual(back, error);
    assert.equal(back.stack, error.stack);
  });

  test("of an author's class come back as the nearest built-in with the name they had", () => {
    class QuotaError extends TypeError {
      readonly limit = 5;
      override get name(): string {
        return "QuotaError";
      }
    }
    const back = roundTrip(new QuotaError("over"));
    assert.ok(back instanceof TypeError);
    assert.equal(String(back), "QuotaError: over");
    assert.equal(Reflect.get(back, "limit"), 5);
  });

  test("that hold several errors keep them", () => {
    const error = new AggregateError([new Error("a"), new TypeError("b")], "both");
    assert.deepStrictEqual(roundTrip(error), error);
    assert.ok(roundTrip(error) instanceof AggregateError);
  });

  test("that the platform aborts with keep their name", () => {
    const back = roundTrip(AbortSignal.abort().reason);
    assert.ok(back instanceof Error);
    assert.equal(back.name, "AbortError");
    assert.match(back.message, /aborted/);
  });
});

describe("what cannot be kept is refused with its place", () => {
  class Model {
    weights = [1];
  }
  class Names extends Map<string, string> {}
  const detached = new ArrayBuffer(8);
  structuredClone(detached, { transfer: [detached] });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const trap = {
    get rate(): number {
      throw new Error("no rate yet");
    },
  };
  for (const [what, [value, path, message]] of Object.entries({
    "a function": [{ layers: [0, 1, { fn: Math.max }] }, ".layers[2].fn", /the function max/],
    "a function without a name": [[() => 1], "[0]", /it is a function/],
    "a symbol": [Symbol("s"), "", /a symbol; keep a string/],
    "an instance": [{ best: new Model() }, ".best", /instance of the class Model; keep plain data/],
    "a subclass of a built-in": [new Names(), "", /class Names/],
    "a subclass of an array": [[new (class Stack extends Array<number> {})()], "[0]", /class Stack/],
    "an object made from another": [{ derived: Object.create({ a: 1 }) }, ".derived", /keep a plain object/],
    "a promise": [{ later: Promise.resolve(1) }, ".later", /await it/],
    "a weak map": [{ cache: new WeakMap() }, ".cache", /class WeakMap/],
    "a URL": [new URL("http://localhost"), "", /class URL/],
    "shared memory": [[new SharedArrayBuffer(1)], "[0]", /SharedArrayBuffer; keep a copy/],
    "memory that was transferred": [{ detached }, ".detached", /transferred away/],
    "a map's value": [new Map([["k", { f: isNaN }]]), '.get("k").f', /isNaN/],
    "a map's value under an object": [new Map([[{}, isNaN]]), ".values()[0]", /isNaN/],
    "a map's key": [new Map([[isNaN, 1]]), ".keys()[0]", /isNaN/],
    "a set's element": [new Set([1, isNaN]), ".values()[1]", /isNaN/],
    "an error's property": [Object.assign(new Error("x"), { retry: isNaN }), ".retry", /isNaN/],
    "a key that is no name": [{ "a b": isNaN }, '["a b"]', /isNaN/],
    "a getter that throws": [{ settings: trap }, ".settings.rate", /reading it threw Error: no rate yet/],
    "a revoked proxy": [{ proxy: revoked.proxy }, ".proxy", /reading it threw TypeError/],
    "a boxed symbol": [Object(Symbol("s")), "", /symbol/],
  } satisfies Record<string, [unknown, string, RegExp]>)) {
    test(what, () => {
      const refusal = refusalOf(value);
      assert.equal(refusal.path, path);
      assert.match(refusal.message, message);
    });
  }

  test("nesting is kept up to its limit and refused above it", () => {
    const nested = (depth: number): unknown => Array.from({ length: depth - 1 }).reduce((inner) => [inner], []);
    assert.deepEqual(bytesOf(roundTrip(nested(depthMax))), bytesOf(nested(depthMax)));
    assert.match(refusalOf(nested(depthMax + 1)).message, /nested more than 1000 deep/);
  });

  test("the path to a place deep inside is told from both ends, without its middle", () => {
    const lists = Array.from({ length: 500 }).reduce((inner) => [inner], { at: Symbol("here") });
    const { path } = refusalOf({ first: lists });
    assert.match(path, /^\.first(\[0\])+\S{0,2} … \S{0,2}(\[0\])+\.at$/);
    assert.ok(path.length < 200, path);
  });

  test("after a refusal the next value is written as if nothing had happened", () => {
    refusalOf(["x".repeat(1000), isNaN]);
    assert.deepEqual(roundTrip([1]), [1]);
  });
});

describe("bytes that no writer made", () => {
  test("are refused or read as some value, and never break the reader", () => {
    fc.assert(
      fc.property(graphs, fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }), cut: fc.boolean() }), (graph, { at, byte, cut }) => {
        const bytes = bytesOf(graph);
        const place = at % bytes.length;
        const damaged = cut ? bytes.slice(0, place) : bytes.with(place, byte);
        try {
          decode(damaged);
        } catch (error) {
          assert.ok(error instanceof EncodingError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("of a later format say so", () => {
    assert.throws(() => decode(bytesOf(1).with(2, 9)), /kept in format 9.*reads format 1; use a newer one/);
  });

  test("of something else say so", () => {
    assert.throws(() => decode(Buffer.from("{}")), /don't begin with SW/);
  });
});

test("the format is what it was when it was released", () => {
  const value = { a: [1, -1, 1.5, "é", null], b: new Map([["k", 2n]]), c: new Uint16Array([1, 2]), d: new Date(0) };
  const released =
    "535701000b04000701610d050402040105000000000000f83f0802c3a90100070162110107016b060007013200070163160400040000000001000200000701640f0000000000000000";
  assert.equal(Buffer.from(bytesOf(value)).toString("hex"), released);
  assert.deepStrictEqual(decode(Buffer.from(released, "hex")), value);
});

test("types are described for people", () => {
  const described = new Map<unknown, string>([
    [1, "number"],
    ["a", "string"],
    [1n, "bigint"],
    [undefined, "undefined"],
    [null, "null"],
    [true, "boolean"],
    [[1, 2], "array(2)"],
    [{}, "object"],
    [new Map([[1, 1]]), "Map(1)"],
    [new Set([1, 2]), "Set(2)"],
    [new Float64Array(3), "Float64Array(3)"],
    [Buffer.from("ab"), "Buffer(2)"],
    [new ArrayBuffer(4), "ArrayBuffer(4)"],
    [new TypeError("x"), "TypeError"],
    [new Date(), "Date"],
    [/x/, "RegExp"],
  ]);
  for (const [value, type] of described) assert.equal(describeType(value), type);
});
