// Builds each widget into one self-contained ES module under ezmsg_nb/static.
//
//   node build.mjs [entry ...]     builds all entries, or those named
//   node build.mjs --watch         builds again at each change
//
// build.json beside the bundles holds a hash of the sources, so that a stale or half-packed
// build can be told from a good one.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { minify } from "terser";

const here = dirname(fileURLToPath(import.meta.url));
const staticFolder = join(here, "..", "ezmsg_nb", "static");

/** Entry name -> its source and the bundle it becomes. */
const entries = {
  topology: {
    source: "src/topology/index.ts",
    bundle: "topology.js",
    // Not in the bundle: the page keeps one style sheet for all of its views.
    style: ["src/topology/style.css", "topology.css"],
  },
  settings: { source: "src/settings/index.ts", bundle: "settings_form.js" },
  profile: { source: "src/profile/index.ts", bundle: "profile_view.js" },
  scope: { source: "src/scope/index.ts", bundle: "scope.js" },
};

/** Makes `import css from "./x.css"` give the minified text of the style sheet. */
const inlineCss = {
  name: "inline-css",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const { code } = await esbuild.transform(text, { loader: "css", minify: true });
      return { contents: code, loader: "text" };
    });
  },
};

/** Globals -> what stands for them in a bundle: a name of its own is shorter than `Math.max`. */
const globals = Object.fromEntries(
  [
    ...["max", "min", "round", "abs", "floor", "ceil", "hypot", "sqrt", "log10"].map(
      (name) => `Math.${name}`,
    ),
    ...["Object.entries", "Object.keys", "performance.now"],
  ].map((name) => [name, name.replace(".", "_")]),
);
for (const name of ["Map", "Set", "document", "setTimeout", "clearTimeout"])
  globals[name] = `a_${name}`;

function options({ source, bundle }) {
  return {
    entryPoints: [join(here, source)],
    outfile: join(staticFolder, bundle),
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    minify: true,
    legalComments: "none",
    charset: "utf8",
    plugins: [inlineCss],
    logLevel: "warning",
    ...(bundle === entries.topology.bundle && {
      define: globals,
      inject: [join(here, "src/shared/globals.mjs")],
    }),
  };
}

/**
 * Names of properties that are long, used often, and nobody's but ours: not the page's, not in what
 * the kernel sends, never looked up by a text. They get short ones: 3 kB less with every widget.
 */
const ownNames = `
  ancestors arrow ask attach begin bounds box boxUnder boxes build camera cancel centre changing
  chooseLine chosenFor columns component components conditions contrast corridor corridorY cpu crossings current
  depth detail doubleClick draw drawing edge edgesFrom element emit engage entry escape exit
  exported failed finalRects flow focused fold follow followGraph forgetFolds found frame fresh
  freshness firstPlace fromPart fromY gaps graph groupAspect hasPins headline heard heardAt hover hovered inflight
  isDimmed kind kinds label labelRoom labelled labels laidOut layer layerOf layers layout lefts
  legend letter level levels lineAlpha lineUnder lines lit luminance margin marks maxLayerHeight
  members memory mismatch move moving node nodes nudge offsets onChange order ordered owners p99
  paint paintNow parentOf parents parts pathFocus paths pixelRatio placed places points port
  positions press progress pull rate rateIndex rateSize rateTopics rates readable readings reason rect
  rebuild  redraw redrawCards refit reset resize reveal rights room route routes row rowY condition moved
  redrawLive tell
  scale scene segments shapes showAll showConditions showCount showLegend showRates showSelected
  shown side sign smallSize spans spotlight status store stretch stretches surface task tellView
  theme titleSize titles toPart toPort toY track tracks transport types unitsWithin unpin vertex vertexOf
  viewpoint visibleIds wanted weight wheelIgnored wire wired wires wishes words worker worldAt
`
  .trim()
  .split(/\s+/);
const ownProperties = { builtins: true, regex: new RegExp(`^(${ownNames.join("|")})$`) };

/** A second minifier finds what the first one leaves: some more of what every widget sends. */
async function bundle(entry) {
  const { outputFiles } = await esbuild.build({ ...options(entry), write: false });
  const { code } = await minify(outputFiles[0].text, {
    module: true,
    ecma: 2020,
    compress: {
      passes: 8,
      hoist_funs: true,
      ...(entry === entries.topology && { unsafe: true, keep_fargs: false, sequences: false }),
      unsafe_arrows: true,
      unsafe_methods: true,
      pure_getters: true,
    },
    mangle: { properties: entry === entries.topology && ownProperties },
  });
  await writeFile(join(staticFolder, entry.bundle), code);
  if (!entry.style) return;
  const [source, sheet] = entry.style;
  const style = await readFile(join(here, source), "utf8");
  const minified = await esbuild.transform(style, { loader: "css", minify: true });
  await writeFile(join(staticFolder, sheet), minified.code);
}

async function sourceFiles(folder) {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((file) => file.isFile() && !file.name.includes(".test."))
    .map((file) => join(file.parentPath, file.name));
}

async function hashOfSources() {
  const files = [
    ...(await sourceFiles(join(here, "src"))),
    join(here, "build.mjs"),
    join(here, "package-lock.json"),
  ];
  const named = files.map((file) => [relative(here, file).split(sep).join("/"), file]);
  named.sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256");
  for (const [name, file] of named) {
    hash.update(`${name}\0`);
    hash.update(await readFile(file));
    hash.update("\0");
  }
  return hash.digest("hex");
}

async function writeRecord() {
  const bundles = {};
  const files = Object.values(entries).flatMap(({ bundle, style }) => [bundle, style?.[1] ?? []]);
  for (const bundle of files.flat()) {
    const file = join(staticFolder, bundle);
    if (!existsSync(file)) continue;
    const bytes = await readFile(file);
    bundles[bundle] = {
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    };
  }
  const record = { sources_sha256: await hashOfSources(), bundles };
  await writeFile(join(staticFolder, "build.json"), `${JSON.stringify(record, null, 2)}\n`);
  return bundles;
}

async function main(args) {
  const watch = args.includes("--watch");
  const named = args.filter((arg) => !arg.startsWith("--"));
  const unknown = named.filter((name) => !(name in entries));
  if (unknown.length > 0) {
    console.error(`No entry ${unknown.join(", ")}. Entries: ${Object.keys(entries).join(", ")}.`);
    return 1;
  }
  const wanted = Object.entries(entries).filter(
    ([name]) => named.length === 0 || named.includes(name),
  );
  const missing = wanted.filter(([, { source }]) => !existsSync(join(here, source)));
  const present = wanted.filter((entry) => !missing.includes(entry));
  await mkdir(staticFolder, { recursive: true });

  if (watch) {
    for (const [, entry] of present) {
      const context = await esbuild.context({ ...options(entry), logLevel: "info" });
      await context.watch();
    }
    return 0;
  }
  try {
    for (const [, entry] of present) await bundle(entry);
  } catch (error) {
    if (!error.errors) console.error(error);
    return 1;
  }
  const written = await writeRecord();
  for (const [bundle, { bytes }] of Object.entries(written)) {
    console.log(`ezmsg_nb/static/${bundle}  ${(bytes / 1000).toFixed(1)} kB`);
  }
  for (const [name, { source }] of missing) {
    console.error(`Not built: the entry "${name}" has no source, frontend/${source} is missing.`);
  }
  return missing.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
