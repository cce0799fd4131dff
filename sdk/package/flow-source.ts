// The text of a flow's classes, and where each part of it stands in the author's sources.

import { FlowSpec } from "../flow/flow-spec.ts";
import type { FlowClass } from "../flow/flow-spec.ts";
import type { Place } from "../graph/problem.ts";
import type { Bundle } from "./bundle.ts";
import type { SourcedPlace } from "./source-places.ts";

/** A method, getter or setter of a flow's class as the engine has it. */
export type Member = { readonly name: string; readonly kind: "method" | "accessor"; readonly text: string; readonly codeOffset: number };

export type FlowSource = {
  /** What the flow and its bases define, FlowSpec's own members excluded; by name, the most derived first. */
  readonly members: ReadonlyMap<string, Member>;
  /** Place of a character in a member's text; of the class where it isn't known. */
  placeIn(member: string, offset: number): SourcedPlace;
  /** Place of `@decorator` above a step. */
  placeOfDecorator(step: string, decorator: string): Place;
  /** Place of `@decorator` above the class. */
  placeOfClassDecorator(decorator: string): Place;
  /** Place of a class field. */
  placeOfField(field: string): Place;
  readonly placeOfClass: SourcedPlace;
  /** The author's text of a member from its name to its body, types included. */
  headOf(member: string): string;
  /** Text of the comment above a member or above the class; empty where there is none. */
  docOf(member: string): string;
  docOfClass(): string;
};

export function flowSource(flowClass: FlowClass, bundle: Pick<Bundle, "code" | "places">, file: string): FlowSource {
  const { code, places } = bundle;
  const classes = classesOf(flowClass).map((each) => textAndOffset(each, code));
  const members = membersOf(flowClass, code);
  const placeOfClass = places.at(classes[0]?.offset ?? 0) ?? places.inSource(file, 1, 1);
  const placeIn = (member: string, offset: number): SourcedPlace => {
    const found = members.get(member);
    return (found === undefined ? null : places.at(found.codeOffset + offset)) ?? placeOfClass;
  };
  const before = (place: SourcedPlace): string => places.textOf(place.source).slice(0, places.offsetOf(place));
  const decoratorAbove = (place: SourcedPlace, decorator: string): Place => {
    const text = before(place);
    const at = Array.from(text.matchAll(new RegExp(`@${decorator}\\b`, "g"))).at(-1)?.index;
    return at === undefined ? place : places.inSource(place.source, ...lineAndColumn(text, at));
  };
  return {
    members,
    placeOfClass,
    placeIn,
    placeOfDecorator: (step, decorator) => decoratorAbove(placeIn(step, 0), decorator),
    placeOfClassDecorator: (decorator) => decoratorAbove(placeOfClass, decorator),
    placeOfField(field) {
      const at = classes.flatMap(({ text, offset }) => {
        const index = text.search(new RegExp(`__publicField\\(this, "${field}"|\\bthis\\.${field} = `));
        return index < 0 ? [] : [places.at(offset + index)];
      })[0];
      return at ?? placeOfClass;
    },
    headOf(member) {
      const place = placeIn(member, 0);
      const text = places.textOf(place.source).slice(places.offsetOf(place));
      return text.slice(0, text.indexOf(")") + 1);
    },
    docOf: (member) => docAbove(before(placeIn(member, 0))),
    docOfClass: () => docAbove(before(placeOfClass)),
  };
}

/** The most derived first, FlowSpec excluded. */
function classesOf(flowClass: FlowClass): readonly Function[] {
  const classes: Function[] = [];
  for (let each: unknown = flowClass; typeof each === "function" && each !== FlowSpec && each !== Function.prototype;) {
    classes.push(each);
    each = Object.getPrototypeOf(each);
  }
  return classes;
}

function textAndOffset(defined: Function, code: string): { readonly text: string; readonly offset: number } {
  const text = Function.prototype.toString.call(defined);
  return { text, offset: Math.max(0, code.indexOf(text)) };
}

/** Texts of the flow's class and of its bases, FlowSpec excluded. */
export function classTextsOf(flowClass: FlowClass): readonly string[] {
  return classesOf(flowClass).map((each) => Function.prototype.toString.call(each));
}

/** By name, the most derived of each. `code` is the bundle. */
export function membersOf(flowClass: FlowClass, code: string): ReadonlyMap<string, Member> {
  return new Map(
    classesOf(flowClass)
      .toReversed()
      .flatMap((each) => ownMembers(each, code)),
  );
}

function ownMembers(flowClass: Function, code: string): readonly (readonly [string, Member])[] {
  const whole = textAndOffset(flowClass, code);
  let from = 0;
  return Object.entries(Object.getOwnPropertyDescriptors(flowClass.prototype)).flatMap(([name, descriptor]) => {
    const method: unknown = descriptor.value ?? descriptor.get ?? descriptor.set;
    if (name === "constructor" || typeof method !== "function") return [];
    const text = Function.prototype.toString.call(method);
    const offset = offsetOfMember(whole.text, text, from) ?? offsetOfMember(whole.text, text, 0) ?? 0;
    // The next member most likely follows.
    from = offset + text.length;
    return [
      [name, { name, kind: descriptor.value === undefined ? "accessor" : "method", text, codeOffset: whole.offset + offset }] as const,
    ];
  });
}

/** A member starts its line; the same text may also end the line of a longer name. */
function offsetOfMember(classText: string, text: string, from: number): number | null {
  for (let at = classText.indexOf(text, from); at >= 0; at = classText.indexOf(text, at + 1)) {
    const lineStart = classText.lastIndexOf("\n", at) + 1;
    if (classText.slice(lineStart, at).trim() === "") return at;
  }
  return null;
}

function lineAndColumn(text: string, offset: number): [number, number] {
  const lines = text.slice(0, offset).split("\n");
  return [lines.length, (lines.at(-1)?.length ?? 0) + 1];
}

const docCharactersMax = 8 * 1024;

/** Between a comment and what it is about stand decorators and modifiers only. */
function docAbove(textBefore: string): string {
  const text = textBefore.slice(-docCharactersMax);
  const end = text.lastIndexOf("*/");
  const start = text.lastIndexOf("/**", end);
  if (start < 0 || end < start) return "";
  const between = text.slice(end + 2).replace(/@\w+(\((?:[^()]|\([^()]*\))*\))?/g, "");
  if (!/^(\s|export|default|abstract|async|public|override|class|\w+$)*$/.test(between)) return "";
  const lines = text.slice(start + 3, end).split("\n");
  return lines
    .map((line) => line.replace(/^\s*\* ?/, "").trim())
    .join("\n")
    .trim();
}
