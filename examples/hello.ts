import { FlowSpec, step } from "stepwell";

/** Says hello in three steps. */
export class HelloFlow extends FlowSpec {
  declare message: string;

  @step start() {
    this.message = "Hello";
    return this.next(this.greet);
  }

  @step greet() {
    this.message = `${this.message}, Stepwell!`;
    return this.next(this.end);
  }

  @step end() {
    console.log(this.message);
  }
}
