// The package ships no types; these are the parts that the iris flow uses.
declare module "ml-cart" {
  export class DecisionTreeClassifier {
    constructor(options?: { gainFunction?: "gini"; maxDepth?: number; minNumSamples?: number });
    train(measurements: number[][], labels: number[]): void;
    predict(measurements: number[][]): number[];
  }
}
