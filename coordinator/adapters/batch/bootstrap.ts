// The command of a container that has Node and nothing else: fetches the worker that is one file, and becomes it.
//
// B1. What is run has the SHA-256 that the command names, wherever it comes from; so the place that it comes from need not be
//     trusted, and a certificate of the coordinator's own authority is as good as any.
// B2. Nothing secret is in it, and nothing secret is sent.

/** Where a worker can be had, and what it must be. */
export type WorkerFile = { readonly url: string; readonly sha256: string };

/** Tries, with seconds between them: a coordinator that restarts is back by then. */
const triesMax = 40;
const pauseMs = 3000;
const silentMsMax = 20_000;

/**
 * As the first process of a container, Node hears only signals that it asks for: one that comes while it fetches ends it. What
 * stands behind the command are options of `stepwell worker`.
 */
const program = [
  `const [url,sha256]=process.argv.splice(1,2,"stepwell"),quit=()=>process.exit(0);`,
  `process.on("SIGTERM",quit);`,
  `const fetchWorker=(tries)=>{`,
  `let over=false;`,
  `const fail=(why)=>{if(over)return;over=true;console.error("cannot fetch the worker from "+url+": "+why);`,
  `tries>1?setTimeout(fetchWorker,${pauseMs},tries-1):process.exit(1)};`,
  `require(url.split(":")[0]).get(url,{rejectUnauthorized:false,timeout:${silentMsMax}},(answer)=>{`,
  `const parts=[];`,
  `answer.on("data",(part)=>parts.push(part)).on("error",(error)=>fail(error.message)).on("end",()=>{`,
  `const bytes=Buffer.concat(parts);`,
  `if(answer.statusCode!==200)return fail("it answers "+answer.statusCode);`,
  `if(require("crypto").createHash("sha256").update(bytes).digest("hex")!==sha256)return fail("its SHA-256 is not "+sha256);`,
  `over=true;process.off("SIGTERM",quit);`,
  `new Function("require","exports",bytes.toString())(require,{})`,
  `})}).on("timeout",function(){this.destroy(Error("no answer"))}).on("error",(error)=>fail(error.message))};`,
  `fetchWorker(${triesMax})`,
].join("");

/** For a job definition, or the command of any container. All else the worker reads in its environment. */
export function bootstrapCommand({ url, sha256 }: WorkerFile): readonly string[] {
  return ["node", "-e", program, url, sha256];
}
