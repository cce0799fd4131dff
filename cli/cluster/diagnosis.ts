// What `stepwell doctor` finds out about a cluster: the configured coordinator, and the queue and the bucket of the settings.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { parseAddress } from "../../sdk/wire/address.ts";
import { certificateEndsAtMs } from "../../sdk/wire/authority.ts";
import { tlsOf, type Endpoint } from "../../sdk/wire/endpoint.ts";
import type { Finding } from "../commands/doctor.ts";
import type { Context } from "../context.ts";
import { endpointOf } from "../endpoint.ts";
import { countOfThings, formatBytes } from "../format/count.ts";
import { formatDuration } from "../format/duration.ts";
import type { TimeZone } from "../format/time.ts";
import { asCliError } from "../known-errors.ts";
import { packageVersion } from "../package-version.ts";
import { troubled, troubleText } from "../render/health-lines.ts";
import { openRemote, type Remote } from "./remote.ts";

const roundTripBytes = 64 * 1024;
const answerMsMax = 5000;
const dayMs = 86_400_000;
/** So many days before its end, a certificate is worth a warning. */
const expiryDays = 30;

/** Nothing where no cluster is configured. */
export async function diagnoseCluster({ settings, env, nowMs }: Context): Promise<readonly Finding[]> {
  const endpoint = endpointOf(settings, env);
  return [
    ...(endpoint === null ? [] : await aboutCoordinator(endpoint, { zone: settings.tz, nowMs: nowMs() })),
    ...(settings.nats === "" ? [] : [await aboutNats(settings.nats)]),
    ...(settings.store.startsWith("s3:") ? [await aboutBucket(settings.store)] : []),
  ];
}

async function aboutCoordinator(
  endpoint: Endpoint,
  { zone, nowMs }: { readonly zone: TimeZone; readonly nowMs: number },
): Promise<readonly Finding[]> {
  const remote = openRemote(endpoint);
  const startMs = performance.now();
  try {
    const known = await remote.control.workers();
    const workers = known.filter(({ status }) => status !== "lost");
    const took = formatDuration(performance.now() - startMs);
    const others = workers.filter(({ version }) => version !== packageVersion());
    return [
      { check: "coordinator", status: "ok", found: `${endpoint.address} answers in ${took}`, hint: null },
      {
        check: "workers",
        status: workers.length === 0 || others.length > 0 ? "warning" : "ok",
        found: `${countOfThings(workers.length, "worker")}${others.length === 0 ? "" : `, ${others.length} of another version`}`,
        hint: workers.length === 0 ? "runs wait for one, or for `stepwell run` on a machine that takes part: stepwell worker" : null,
      },
      ...(await aboutCertificate(endpoint, nowMs)),
      ...(await aboutParts(remote, zone)),
      await aboutArtifacts(remote),
    ];
  } catch (error) {
    const { kind, message, hint } = asCliError(error);
    const start =
      kind === "unauthorized" ? null : "start it, or see `stepwell config show --origin` for who names it; --local works without";
    return [{ check: "coordinator", status: "failed", found: message, hint: hint ?? start }];
  } finally {
    await remote.close();
  }
}

/** A coordinator renews its certificate by itself, if it can: one that is about to end is one that it could not. */
async function aboutCertificate(endpoint: Endpoint, nowMs: number): Promise<readonly Finding[]> {
  const address = parseAddress(endpoint.address);
  const tls = tlsOf(endpoint);
  if (tls === null || address.kind === "socket") return [];
  const endsAtMs = await certificateEndsAtMs(address, tls);
  if (endsAtMs === null) return [];
  const days = Math.floor((endsAtMs - nowMs) / dayMs);
  const found = `the coordinator's ends in ${countOfThings(days, "day")}`;
  if (days >= expiryDays) return [{ check: "certificate", status: "ok", found, hint: null }];
  const hint =
    "put another one in its place, where it is read within the hour; one that the coordinator makes itself it could not make: see its log";
  return [{ check: "certificate", status: "warning", found, hint }];
}

/** What the coordinator says of what it needs itself. */
async function aboutParts({ control }: Remote, zone: TimeZone): Promise<readonly Finding[]> {
  const health = await control.health();
  const trouble = troubled(health);
  if (trouble.length === 0) {
    const parts = health.parts.map(({ part }) => part).join(", ");
    return [{ check: "its parts", status: "ok", found: `${parts}: well`, hint: null }];
  }
  return trouble.map((part) => ({
    check: `its ${part.part}`,
    status: part.status === "degraded" ? "warning" : "failed",
    found: troubleText(part, zone),
    hint: part.status === "degraded" ? "what runs goes on, new tasks wait until it is back" : "see the coordinator's log and its machine",
  }));
}

/** Written like what a run begins with, and read where that is possible without a run: what is not needed is collected some day. */
async function aboutArtifacts({ store }: Remote): Promise<Finding> {
  const startMs = performance.now();
  try {
    await store.put(randomBytes(roundTripBytes));
    const found = `${formatBytes(roundTripBytes)} written in ${formatDuration(performance.now() - startMs)}`;
    return { check: "cluster store", status: "ok", found, hint: null };
  } catch (error) {
    const { kind, message } = asCliError(error);
    return {
      check: "cluster store",
      status: "failed",
      found: message,
      // A store that was reached says itself what to do.
      hint: kind === "store" ? null : "see that the coordinator's HTTP port is reached from here, and its log",
    };
  }
}

/** The first thing that a nats-server says is what it is and can. */
async function aboutNats(url: string): Promise<Finding> {
  const { hostname, port } = new URL((url.includes("://") ? url : `nats://${url}`).split(",")[0] ?? url);
  const socket = connect({ host: hostname, port: Number(port || 4222) });
  try {
    const [said] = (await once(
      socket.setTimeout(answerMsMax, () => socket.destroy(new Error("it says nothing"))),
      "data",
    )) as [Buffer];
    const info = JSON.parse(/^INFO (.*)/.exec(String(said))?.[1] ?? "{}") as { readonly version?: string; readonly jetstream?: boolean };
    const found = `nats-server ${info.version ?? "(unknown)"} at ${hostname}:${port || 4222}`;
    if (info.jetstream === true) return { check: "queue", status: "ok", found, hint: null };
    return {
      check: "queue",
      status: "failed",
      found: `${found}, without JetStream`,
      hint: "start it with -js, or a `jetstream {}` block in its settings",
    };
  } catch (error) {
    const found = `${url} does not answer: ${error instanceof Error ? error.message : String(error)}`;
    return { check: "queue", status: "failed", found, hint: "start nats-server, or leave out the setting nats" };
  } finally {
    socket.destroy();
  }
}

async function aboutBucket(address: string): Promise<Finding> {
  try {
    const [{ S3ArtifactStore }, { parseS3Place }] = await Promise.all([
      import("../../sdk/artifact/s3/s3-store.ts"),
      import("../../sdk/artifact/s3/place.ts"),
    ]);
    await (await S3ArtifactStore.open(parseS3Place(address))).check();
    return { check: "bucket", status: "ok", found: address, hint: null };
  } catch (error) {
    return { check: "bucket", status: "failed", found: error instanceof Error ? error.message : String(error), hint: null };
  }
}
