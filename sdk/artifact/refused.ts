// The error for a value that cannot be kept: names the artifact and the place inside it.

/** `message` says what stands there and what to do; `describeFailure` joins it with the artifact and the path. */
export class RefusedArtifactError extends Error {
  override readonly name = "RefusedArtifactError";
  readonly artifact: string;
  /** Leads from the artifact to the place: `.layers[2].activation`; empty for the artifact itself. */
  readonly path: string;
  constructor(place: { readonly artifact: string; readonly path: string }, message: string, options?: ErrorOptions) {
    super(message, options);
    this.artifact = place.artifact;
    this.path = place.path;
  }
}
