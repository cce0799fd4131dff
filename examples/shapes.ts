// A flow whose steps need different machines. On one machine alone it runs as it is; in a cluster, with these workers:
//
//   stepwell worker --slots 2
//   stepwell worker --slots 2 --memory 8GiB --label disk=sensors
//   stepwell worker --slots 4 --gpu 1 --pool gpu

import { FlowSpec, type Inputs, resources, step } from "stepwell";

type Point = { readonly x: number; readonly y: number };

/** Cleans what sensors measured where it lies, and fits curves of several degrees where the GPU is, one at a time. */
export class ShapesFlow extends FlowSpec {
  declare sensors: string[];
  declare points: Point[];
  declare degrees: number[];
  declare degree: number;
  declare error: number;
  declare best: number;

  @step start() {
    this.sensors = ["north", "east", "south", "west"];
    return this.next(this.clean, { foreach: "sensors" });
  }

  /** On a worker that has the sensors' disk; two at a time, since each asks for half of what it offers. */
  @resources({ memory: 4096, labels: { disk: "sensors" } })
  @step
  clean(sensor: string) {
    const measured = read(sensor);
    this.points = measured.filter(({ y }) => Math.abs(y) < 10);
    console.log(`${sensor}: ${this.points.length} of ${measured.length} points are good`);
    return this.next(this.gather);
  }

  /** Asks for nothing: any worker of the usual pool. */
  @step gather(inputs: Inputs<this>) {
    this.points = inputs.flatMap((input) => input.points);
    this.degrees = [1, 2, 3, 4, 5];
    return this.next(this.fit, { foreach: "degrees" });
  }

  /** One at a time, though the worker has four slots: it has one GPU. */
  @resources({ gpu: 1, pool: "gpu" })
  @step
  fit(degree: number) {
    const [known, heldOut] = [this.points.filter((_, index) => index % 4 !== 0), this.points.filter((_, index) => index % 4 === 0)];
    const curve = fitted(known, degree);
    const squares = heldOut.map(({ x, y }) => (valueOf(curve, x) - y) ** 2);
    this.degree = degree;
    this.error = Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
    return this.next(this.pick);
  }

  @step pick(inputs: Inputs<this>) {
    const [first] = [...inputs].sort((a, b) => a.error - b.error);
    if (first === undefined) throw new Error("there was no degree to try");
    this.best = first.degree;
    this.error = first.error;
    return this.next(this.end);
  }

  @step end() {
    console.log(`degree ${this.best} fits best: ${this.error.toFixed(3)} off where it has not looked`);
  }
}

/** In place of a file: a cubic with noise, and now and then a value that cannot be. */
function read(sensor: string): Point[] {
  let seed = 12_345 * (sensor.length + sensor.charCodeAt(0));
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  return Array.from({ length: 200 }, (_, index) => {
    const x = index / 100 - 1;
    const noise = (random() - 0.5) / 5;
    return { x, y: random() < 0.05 ? 1000 : 1 - 2 * x + 3 * x ** 3 + noise };
  });
}

function valueOf(curve: readonly number[], x: number): number {
  return curve.reduceRight((value, factor) => value * x + factor, 0);
}

/** Least squares: the factors of 1, x, x², … */
function fitted(points: readonly Point[], degree: number): number[] {
  const size = degree + 1;
  const moment = (power: number, weight: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + weight(point) * point.x ** power, 0);
  const rows = Array.from({ length: size }, (_, row) => [
    ...Array.from({ length: size }, (__, column) => moment(row + column, () => 1)),
    moment(row, ({ y }) => y),
  ]);
  return solved(rows);
}

/** Gauss and Jordan; the matrix is that of least squares, so that no pivot is 0. */
function solved(rows: number[][]): number[] {
  for (const [at, row] of rows.entries()) {
    const pivot = row[at] ?? 1;
    const scaled = row.map((value) => value / pivot);
    rows[at] = scaled;
    for (const [other, values] of rows.entries()) {
      const factor = values[at] ?? 0;
      if (other !== at) rows[other] = values.map((value, column) => value - factor * (scaled[column] ?? 0));
    }
  }
  return rows.map((row) => row.at(-1) ?? 0);
}
