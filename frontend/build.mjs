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
  topology: { source: "src/topology/index.ts", bundle: "topology.js" },
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
  };
}

/** A second minifier finds what the first one leaves: some more of what every widget sends. */
async function bundle(entry) {
  const { outputFiles } = await esbuild.build({ ...options(entry), write: false });
  const { code } = await minify(outputFiles[0].text, {
    module: true,
    ecma: 2020,
    compress: { passes: 2 },
  });
  await writeFile(join(staticFolder, entry.bundle), code);
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
  for (const { bundle } of Object.values(entries)) {
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
