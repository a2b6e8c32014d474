/**
 * The random numbers of scripts: the generator that Redis gives its Lua (lrand48), so that a script draws the same
 * numbers here as there; one script goes on where another stopped.
 */
const multiplier = 0x5_deec_e66dn;
const mask = 0xffff_ffff_ffffn;
/** What C begins with. */
const stateAtFirst = 0x1234_abcd_330en;
/** The low bits of what a seed makes. */
const seedLow = 0x330en;
const randMax = 0x7fff_ffff;

export class Lrand48 {
  #state = stateAtFirst;

  /** math.randomseed. */
  seed(seed: number): void {
    const whole = Number.isFinite(seed) ? BigInt(Math.trunc(seed)) : -(2n ** 63n);
    this.#state = (BigInt.asUintN(32, whole) << 16n) | seedLow;
  }

  /** From 0 to 1, 1 left out. */
  next(): number {
    this.#state = (this.#state * multiplier + 0xbn) & mask;
    return (Number(this.#state >> 17n) % randMax) / randMax;
  }
}
