// Trees of plain files that look as a kernel's do: where groups are made in them, and what a worker moves for that.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { findGroupPlace, type GroupPlace } from "./memory-group-place.ts";

type Tree = { readonly root: string; find(): GroupPlace | null; text(path: string): string };

function treeOf(t: TestContext, files: Readonly<Record<string, string>>): Tree {
  const folder = mkdtempSync(join(tmpdir(), "stepwell-groups-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const root = join(folder, "cgroup");
  return { root, find: () => findGroupPlace(root, join(folder, "proc")), text: (path) => readFileSync(join(root, path), "utf8") };
}

const own = String(process.pid);

test("in the first generation groups are made in this process's own, by the path that it has, or in what a container sees of it", (t) => {
  const lines = "5:cpu,cpuacct:/a\n4:memory:/service/7\n0::/\n";
  const whole = treeOf(t, { "proc/self/cgroup": lines, "cgroup/memory/service/7/cgroup.procs": own });
  assert.equal(whole.find()?.folder, join(whole.root, "memory/service/7"));
  const contained = treeOf(t, { "proc/self/cgroup": lines, "cgroup/memory/cgroup.procs": own });
  assert.equal(contained.find()?.folder, join(contained.root, "memory"));
  assert.equal(contained.find()?.files.limit, "memory.limit_in_bytes");
});

const second = {
  "proc/self/cgroup": "0::/system.slice/worker\n",
  "cgroup/system.slice/worker/cgroup.controllers": "cpu memory pids\n",
  "cgroup/system.slice/worker/cgroup.subtree_control": "",
};
const group = "system.slice/worker";

test("in the second generation a worker that is alone in its group moves within it, and the group passes memory on", (t) => {
  const tree = treeOf(t, {
    ...second,
    "proc/4444444/status": `Name:\tsh\nPPid:\t${own}\n`,
    [`cgroup/${group}/cgroup.procs`]: `${own}\n4444444\n`,
  });
  const place = tree.find();
  assert.equal(place?.folder, join(tree.root, group));
  assert.equal(place.files.limit, "memory.max");
  assert.equal(tree.text(`${group}/cgroup.subtree_control`), "+memory");
  assert.equal(tree.text(`${group}/stepwell-agent/cgroup.procs`), "4444444", "each number is written by itself, the last one last");
});

test("a worker that was started within, or has moved there before, makes its groups in the one around it", (t) => {
  const tree = treeOf(t, {
    ...second,
    "proc/self/cgroup": "0::/system.slice/worker/stepwell-agent\n",
    [`cgroup/${group}/stepwell-agent/cgroup.procs`]: `${own}\n`,
  });
  assert.equal(tree.find()?.folder, join(tree.root, group));
});

for (const [why, files] of [
  ["others are in its group", { ...second, "proc/1/status": "PPid:\t0\n", [`cgroup/${group}/cgroup.procs`]: `1\n${own}\n` }],
  [
    "its group has no memory to pass on",
    { ...second, [`cgroup/${group}/cgroup.controllers`]: "cpu\n", [`cgroup/${group}/cgroup.procs`]: own },
  ],
  ["there are no groups", { "proc/self/cgroup": "" }],
  ["its group is nowhere to be seen", { "proc/self/cgroup": "4:memory:/elsewhere\n" }],
] as const) {
  test(`a worker makes no groups, and moves nothing, where ${why}`, (t) => {
    const tree = treeOf(t, files);
    assert.equal(tree.find(), null);
    assert.equal(existsSync(join(tree.root, group, "stepwell-agent")), false);
  });
}
