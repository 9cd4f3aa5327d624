/** An image that another one was sent ahead of did not arrive: what stands on it has to be brought anew, with all that it lacks. */
export class BaseMissing extends Error {
  override readonly name = 'BaseMissing';

  constructor() {
    super('an image on which this one was to stand did not arrive');
  }
}
