/** Where tracked files may lie, and of what kind they may be. A file that no rule covers has no place in the repository. */
export interface PlaceRule {
  /** A glob over paths from the root. */
  readonly files: string;
  readonly purpose: string;
}

export const PLACES: readonly PlaceRule[] = [
  { files: "{README,README.ko,CONTRIBUTING,AGENTS,SECURITY,CHANGELOG}.md", purpose: "what a reader begins with" },
  { files: "LICENSE", purpose: "the licence" },
  { files: "{package,tsconfig,knip}.json", purpose: "the workspace and its tools" },
  { files: "{bun.lock,bunfig.toml}", purpose: "Bun" },
  { files: "{compose,compose.cluster,compose.release}.yaml", purpose: "the system in containers" },
  { files: ".{dockerignore,editorconfig,gitignore,oxfmtrc.json,oxlintrc.json}", purpose: "settings of tools" },
  { files: ".ci/run", purpose: "what continuous integration runs" },
  { files: ".githooks/commit-msg", purpose: "checks a commit's subject" },
  { files: ".github/dependabot.yml", purpose: "updates of pinned versions" },
  { files: ".github/pull_request_template.md", purpose: "what a pull request says" },
  { files: ".github/workflows/*.yml", purpose: "GitHub's workflows" },
  { files: "docs/**/*.{md,svg,png}", purpose: "documents and their pictures" },
  { files: "docs/results/*.jsonl", purpose: "results of runs, one a line, which tables in documents are made of" },
  { files: "patches/*.patch", purpose: "patches of libraries, see bun patch" },

  {
    files: "{deploy/{books,check,local,shop},services/*,shared/*,tests}/README.md",
    purpose: "where a reader of a package begins",
  },
  { files: "deploy/docker/{Dockerfile,*.sh}", purpose: "the image and its operation" },
  { files: "deploy/kubernetes/**/*.{yaml,sh}", purpose: "manifests" },
  { files: "deploy/nlb/*.cfg", purpose: "the load balancer's settings" },
  { files: "deploy/observability/**/*.{yml,yaml,json}", purpose: "alerts and dashboards" },
  { files: "deploy/terraform/{*.tf,README.md,.gitignore}", purpose: "infrastructure" },
  { files: "deploy/local/kafka/pom.xml", purpose: "which jars Kafka is" },
  { files: "deploy/local/{package.json,src/**/*.ts}", purpose: "what runs the system on one machine" },
  { files: "deploy/{books,check,shop}/{package.json,src/*.ts}", purpose: "what checks it, and what operates it" },

  { files: "services/*/package.json", purpose: "a service's dependencies" },
  {
    files: "{services/*,shared/database,shared/messaging}/drizzle.config.ts",
    purpose: "how its migrations are generated",
  },
  { files: "{services/*,shared/database,shared/messaging}/migrations/{*.sql,meta/*.json}", purpose: "its migrations" },
  { files: "services/*/src/**/*.ts", purpose: "its sources and their tests" },
  { files: "services/frontend/src/browser/**/*.{ts,tsx,css,svg,json}", purpose: "the pages" },
  { files: "services/frontend/src/**/*.{ts,tsx}", purpose: "the frontend's sources and their tests" },

  { files: "shared/*/package.json", purpose: "a shared package's dependencies" },
  { files: "shared/*/src/**/*.ts", purpose: "its sources and their tests" },
  { files: "shared/contracts/released/*.json", purpose: "the messages of the last release" },
  { files: "shared/docs/src/page/*.{css,js}", purpose: "the page that shows the API" },

  { files: "tests/package.json", purpose: "the tests' dependencies" },
  { files: "tests/fuzz/{requirements.txt,schemathesis.toml}", purpose: "the fuzzer of the API and its settings" },
  { files: "tests/**/*.ts", purpose: "tests that span services" },
];

/** The paths that no rule covers, as a path in a folder of its own or as a kind that its folder does not hold. */
export function misplaced(paths: readonly string[]): readonly string[] {
  const globs = PLACES.map(({ files }) => new Bun.Glob(files));
  return paths.filter((path) => !globs.some((glob) => glob.match(path)));
}
