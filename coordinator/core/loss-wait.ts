// How long a task waits after a loss that is not its own: not at all after the first, since most machines that die are one of
// many, and longer each time after that, since what goes wrong again and again (a full disk, a wrong clock) needs somebody.

/** After the second loss; doubled by each further one. Milliseconds. */
const secondWaitMs = 1000;
const waitMsMax = 30_000;

/**
 * The wait after a loss that `earlier` others came before. Up to a quarter shorter or longer, by `name`: what a full disk has
 * ended at once does not come back at once.
 */
export function lossWaitMs(name: string, earlier: number): number {
  if (earlier === 0) return 0;
  const waitMs = Math.min(secondWaitMs * 2 ** (earlier - 1), waitMsMax);
  return Math.round(waitMs * (0.75 + shareOf(name) / 2));
}

/** At least 0 and less than 1, the same for the same name. FNV-1a, and a last mix so that names that differ at their end only are spread. */
function shareOf(name: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01_00_01_93);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
