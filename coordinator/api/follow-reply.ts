// What followers are sent: groups of items, each made into JSON once for all who follow it and, where these are many, packed once.

import { pack } from "../../sdk/wire/packing.ts";
import type { FollowReply } from "../../sdk/wire/services.ts";

/** Those who follow a group before it is packed for the others. */
const plainUsersMax = 2;
/** What is shorter than this gains nothing. Bytes. */
const packedBytesMin = 256;

export class EncodedGroup {
  /** How many have been sent it, or will be. */
  users = 0;
  /** JSON of the items, without the brackets around them. */
  readonly items: Buffer;
  #packed: Buffer | null = null;

  constructor(group: readonly unknown[]) {
    this.items = Buffer.from(JSON.stringify(group).slice(1, -1));
  }

  get isWorthPacking(): boolean {
    return this.users > plainUsersMax && this.items.length >= packedBytesMin;
  }

  get packed(): Buffer {
    this.#packed ??= pack(listOf([this]));
    return this.#packed;
  }
}

/** One message of all the groups. */
export function replyOf(groups: readonly EncodedGroup[], takesPacked: boolean): FollowReply {
  if (takesPacked && groups.every(({ isWorthPacking }) => isWorthPacking))
    return { list: nothing, packed: groups.map(({ packed }) => packed) };
  return { list: listOf(groups), packed: [] };
}

function listOf(groups: readonly EncodedGroup[]): Buffer {
  return Buffer.concat([opening, ...groups.flatMap(({ items }, at) => (at === 0 ? [items] : [comma, items])), closing]);
}

const nothing = new Uint8Array();
const [opening, comma, closing] = [Buffer.from("["), Buffer.from(","), Buffer.from("]")];
