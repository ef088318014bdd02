//! Where the code and the workload differ: models that one names and the other does not, prompts and tools that nothing
//! counts. [`code_drift`] finds it; whether it fails is a rule's to say.
//!
//! Unsaid rules look at what the change brings, so they read the changed files and go on to all of them only where these
//! show anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::compare::{PricedSide, costed};
use super::places::prompt_files;
use super::sides::CheckSide;
use super::{CheckContext, JobError, Setup};
use crate::calculator::projection::Resolver;
use crate::calculator::rules::{CheckRule, DriftFact, DriftSince, RuleCode, RuleLimit, is_below};
use crate::calculator::workload::{Feature, Route, Workload};
use crate::input::git::{GitBase, GitError, Repository};
use crate::input::text::read_bytes;
use crate::input::workload::parse;
use crate::jobs::code::{CodeFile, CodeReader, FileNames, LARGEST, code_files, is_prompt, is_workload, relative};
use crate::pricing::candidates::core_name;

/// Endings of the files whose models count: code and settings, but no prose.
const CODE: [&str; 46] = [
    "py", "ipynb", "js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte", "go", "rs", "java", "kt",
    "kts", "scala", "groovy", "rb", "php", "cs", "fs", "vb", "swift", "m", "c", "h", "cc", "cpp", "hpp", "ex", "exs",
    "clj", "dart", "lua", "r", "jl", "sh", "bash", "ps1", "sql", "tf", "hcl", "cfg", "ini",
];

/// Settings, which are looked at as code is.
const SETTINGS: [&str; 8] = ["json", "yaml", "yml", "toml", "env", "properties", "conf", "prompty"];

/// Folders that hold no code that runs, or somebody else's.
const PASSED_OVER: [&str; 16] = [
    "test",
    "tests",
    "__tests__",
    "spec",
    "specs",
    "fixtures",
    "testdata",
    "docs",
    "doc",
    "node_modules",
    "vendor",
    "third_party",
    "site-packages",
    ".venv",
    "venv",
    ".git",
];

/// Files of packages: they name versions, not models.
const LOCKS: [&str; 3] = ["package-lock.json", "composer.lock", "pnpm-lock.yaml"];

/// Whether a file's models count.
fn is_code(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let is_known = CODE.contains(&ending.as_str()) || SETTINGS.contains(&ending.as_str()) || name.starts_with(".env");
    is_known && !is_passed_over(path) && !LOCKS.contains(&name)
}

fn is_passed_over(path: &str) -> bool {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    folder.split('/').any(|part| PASSED_OVER.contains(&part.to_lowercase().as_str()))
}

/// Whether a file is read at all: others name nothing that counts.
fn may_name(path: &str) -> bool {
    is_code(path) || is_prompt(path) && !is_passed_over(path)
}

/// Where code and workload differ.
///
/// * `commit`: the base, where it is one of git.
/// * `now`: what the head costs, to say what another model would.
pub(super) fn code_drift(
    context: &CheckContext,
    commit: Option<&mut GitBase>,
    now: &PricedSide,
    resolver: &mut dyn Resolver,
) -> Result<Vec<DriftFact>, JobError> {
    let rules = context.rules.rules.iter().filter(|r| matches!(r.code, RuleCode::ModelDrift | RuleCode::PromptDrift));
    let rules: Vec<&CheckRule> = rules.collect();
    let is_said = rules.iter().any(|rule| rule.line > 0);
    if rules.is_empty() || !is_said && commit.is_none() {
        return Ok(Vec::new());
    }
    let mut search = Search::new(context, rules);
    search.changed(commit)?;
    if !is_said && !search.may_differ() {
        return Ok(Vec::new());
    }
    search.walk();
    let mut facts = search.models(now, resolver);
    facts.extend(search.prompts(now, resolver));
    facts.extend(search.servers());
    Ok(facts)
}

/// A changed file: what it names, and what it named at the base.
#[derive(Default)]
struct ChangedFile {
    head: Option<FileNames>,
    base: Option<FileNames>,
}

/// A model that the workload plans.
struct PlannedModel {
    id: String,
    feature: String,
    line: usize,
}

struct Search<'c> {
    context: &'c CheckContext<'c>,
    rules: Vec<&'c CheckRule>,
    repository: Option<Repository>,
    root: PathBuf,
    reader: CodeReader<'c>,
    /// Whether there is a base to tell old from new.
    has_base: bool,
    changed: BTreeMap<String, ChangedFile>,
    /// What every file names now.
    head: BTreeMap<String, FileNames>,
    planned: Vec<PlannedModel>,
    planned_before: Vec<PlannedModel>,
    /// Models that other workload files of the repository plan.
    planned_elsewhere: BTreeSet<String>,
    /// Files that a workload counts.
    counted: BTreeSet<String>,
}

/// Whether two ids mean the same model: one id, or one model at two hosts.
fn is_same(a: &str, b: &str) -> bool {
    let host = |id: &str| id.split('/').next().map(str::to_owned);
    a == b || host(a) != host(b) && core_name(a) == core_name(b)
}

fn holds(models: &[PlannedModel], id: &str) -> bool {
    models.iter().any(|model| is_same(&model.id, id))
}

fn names_model(file: Option<&FileNames>, id: &str) -> bool {
    file.is_some_and(|file| file.models.iter().any(|(model, _)| is_same(model, id)))
}

fn planned(features: &[Arc<Feature>], setup: &Setup) -> Vec<PlannedModel> {
    let routes = features.iter().flat_map(|f| f.routes.iter().map(move |route| (f, route)));
    let model = |(feature, route): (&Arc<Feature>, &Route)| {
        let found = setup.table.get(&route.model, setup.at)?;
        Some(PlannedModel { id: found.full_id(), feature: feature.name.clone(), line: route.line })
    };
    routes.filter_map(model).collect()
}

impl<'c> Search<'c> {
    fn new(context: &'c CheckContext<'c>, rules: Vec<&'c CheckRule>) -> Self {
        let (head, setup) = (context.head, context.setup);
        let repository = Repository::of(head.folder()).ok();
        let root = repository.as_ref().map_or_else(|| head.folder().to_owned(), |r| r.root().to_owned());
        let root = if root.as_os_str().is_empty() { PathBuf::from(".") } else { root };
        let base = context.base.side.as_ref();
        let mut search = Search {
            context,
            rules,
            repository,
            root,
            reader: CodeReader::new(setup),
            has_base: false,
            changed: BTreeMap::new(),
            head: BTreeMap::new(),
            planned: planned(&head.workload.features, setup),
            planned_before: base.map(|side| planned(&side.workload.features, setup)).unwrap_or_default(),
            planned_elsewhere: BTreeSet::new(),
            counted: BTreeSet::new(),
        };
        search.counted = search.counted_by(head);
        search
    }

    /// A path as the code is named: from the root of the repository.
    fn named(&self, path: &Path) -> String {
        match &self.repository {
            Some(repository) => repository.inside(path).unwrap_or_else(|| relative(&self.root, path)),
            None => relative(&self.root, path),
        }
    }

    fn counted_by(&self, side: &CheckSide) -> BTreeSet<String> {
        side.files().map(|(name, _)| self.named(&side.folder().join(name))).collect()
    }

    /// Whether a rule of a kind looks at a file.
    fn looks_at(&self, code: RuleCode, path: &str) -> bool {
        self.rules.iter().filter(|rule| rule.code == code).any(|rule| match &rule.limit {
            RuleLimit::Files(files) => is_below(files, path),
            _ => true,
        })
    }

    /// What a file names, as far as a rule looks at it; nothing of one that holds no code.
    fn names(&mut self, path: &str, bytes: &[u8]) -> FileNames {
        let mut names = self.reader.file(path, bytes);
        if !is_code(path) || !self.looks_at(RuleCode::ModelDrift, path) {
            names.models.clear();
        }
        if is_passed_over(path) || !self.looks_at(RuleCode::PromptDrift, path) {
            (names.is, names.servers) = (CodeFile::Other, Vec::new());
        }
        names
    }

    /// Reads the files that the change touches, as they are and as they were.
    fn changed(&mut self, commit: Option<&mut GitBase>) -> Result<(), GitError> {
        let Some(commit) = commit else { return Ok(()) };
        self.has_base = true;
        for name in commit.changed()? {
            let mut file = ChangedFile::default();
            if !may_name(&name) {
                self.changed.insert(name, file);
                continue;
            }
            let path = self.root.join(&name);
            let is_small = path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST);
            if let (true, Ok(bytes)) = (is_small, read_bytes(&path)) {
                file.head = Some(self.names(&name, &bytes));
            }
            match commit.read_named(&name) {
                Ok(Some(bytes)) if bytes.len() as u64 <= LARGEST => file.base = Some(self.names(&name, &bytes)),
                Ok(_) | Err(GitError::TooLarge { .. }) => {}
                Err(error) => return Err(error),
            }
            self.changed.insert(name, file);
        }
        Ok(())
    }

    /// Whether the changed files alone show that something may differ.
    fn may_differ(&self) -> bool {
        let ids = |models: &[PlannedModel]| models.iter().map(|m| m.id.clone()).collect::<BTreeSet<_>>();
        let differs = |file: &ChangedFile| {
            let (head, base) = (file.head.as_ref(), file.base.as_ref());
            let is_text = |names: &FileNames| names.is != CodeFile::Other || !names.servers.is_empty();
            let new = head.is_some_and(|h| h.models.iter().any(|(id, _)| !names_model(base, id)));
            let gone = base.is_some_and(|b| b.models.iter().any(|(id, _)| !names_model(head, id)));
            new || gone || head.is_some_and(is_text)
        };
        ids(&self.planned) != ids(&self.planned_before) || self.changed.values().any(differs)
    }

    /// Reads everything, for what the rest of the code and the other workloads name.
    fn walk(&mut self) {
        for path in code_files(&self.root) {
            let name = relative(&self.root, &path);
            let Some(bytes) = may_name(&name).then(|| read_bytes(&path).ok()).flatten() else { continue };
            let text = String::from_utf8_lossy(&bytes);
            if is_workload(&name, &text) {
                self.other_workload(&path, &text);
            }
            let names = self.names(&name, &bytes);
            self.head.insert(name, names);
        }
    }

    /// Takes the models and prompts of another workload as known: its features are checked with it.
    fn other_workload(&mut self, path: &Path, text: &str) {
        if self.named(path) == self.named(&self.context.head.path) {
            return;
        }
        let Ok(raw) = parse(&path.display().to_string(), text) else { return };
        let folder = path.parent().unwrap_or(Path::new(""));
        for (_, feature) in &raw.features.0 {
            let routes = feature.routing.0.iter().map(|(model, _)| model);
            for model in routes.chain(feature.model.as_ref()) {
                let found = self.context.setup.table.get(&model.value, self.context.setup.at);
                self.planned_elsewhere.extend(found.map(|found| found.full_id()));
            }
            let files: Vec<String> = prompt_files(feature).iter().map(|file| self.named(&folder.join(file))).collect();
            self.counted.extend(files);
        }
    }

    /// The first place of each model, where it is named most files long, and how many places there are.
    fn places(&self) -> BTreeMap<&str, Vec<(&str, usize)>> {
        let mut places: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
        for (file, names) in &self.head {
            for (id, line) in &names.models {
                places.entry(id).or_default().push((file, *line));
            }
        }
        places
    }

    /// Whether the code named a model at the base.
    fn was_named(&self, id: &str) -> bool {
        let unchanged = self.head.iter().filter(|(file, _)| !self.changed.contains_key(*file));
        unchanged.map(|(_, names)| names).any(|names| names_model(Some(names), id))
            || self.changed.values().any(|file| names_model(file.base.as_ref(), id))
    }

    fn is_named(&self, id: &str) -> bool {
        self.head.values().any(|names| names_model(Some(names), id))
    }

    fn models(&self, now: &PricedSide, resolver: &mut dyn Resolver) -> Vec<DriftFact> {
        if !self.rules.iter().any(|rule| rule.code == RuleCode::ModelDrift) {
            return Vec::new();
        }
        let mut facts = Vec::new();
        let mut swapped = BTreeSet::new();
        for (id, places) in self.places() {
            if holds(&self.planned, id) || self.planned_elsewhere.iter().any(|known| is_same(known, id)) {
                continue;
            }
            let old = self.replaced(&places);
            swapped.extend(old.iter().map(|model| model.id.clone()));
            facts.push(self.unplanned(id, &places, old, now, resolver));
        }
        // Without a base nobody can tell whether the code ever named it: its name may come from the environment.
        for model in self.planned.iter().filter(|model| self.has_base && !swapped.contains(&model.id)) {
            if self.is_named(&model.id) || !self.was_named(&model.id) {
                continue;
            }
            facts.push(DriftFact {
                code: RuleCode::ModelDrift,
                feature: Some(model.feature.clone()),
                message: format!(
                    "this change takes {} out of the code, and {} is still planned with it",
                    model.id, model.feature
                ),
                help: format!("write the model that the code asks now at {}:{}", self.context.head.name(), model.line),
                file: self.context.head.name(),
                line: model.line,
                subject: format!("gone {}", model.id),
                since: DriftSince::Change,
            });
        }
        facts
    }

    /// A planned model that files with another one named at the base and name no longer.
    fn replaced(&self, places: &[(&str, usize)]) -> Option<&PlannedModel> {
        let changed = places.iter().filter_map(|(file, _)| self.changed.get(*file));
        let mut changed = changed.filter(|file| file.base.is_some());
        changed.find_map(|file| {
            let gone = |model: &&PlannedModel| {
                names_model(file.base.as_ref(), &model.id) && !names_model(file.head.as_ref(), &model.id)
            };
            self.planned.iter().find(gone)
        })
    }

    /// A model that the code names and no workload plans.
    fn unplanned(
        &self,
        id: &str,
        places: &[(&str, usize)],
        old: Option<&PlannedModel>,
        now: &PricedSide,
        resolver: &mut dyn Resolver,
    ) -> DriftFact {
        let is_new = |(file, _): &&(&str, usize)| {
            self.changed.get(*file).is_some_and(|changed| !names_model(changed.base.as_ref(), id))
        };
        let was_planned = holds(&self.planned_before, id);
        let since = match self.has_base {
            false => DriftSince::Unknown,
            true if was_planned || old.is_some() || !self.was_named(id) => DriftSince::Change,
            true => DriftSince::Base,
        };
        let first = places.iter().find(is_new).or(places.first()).copied().unwrap_or(("", 0));
        let more = if places.len() > 1 { format!(" (in {} places)", places.len()) } else { String::new() };
        let message = match old {
            Some(old) => {
                let cost = self.cost_instead(old, id, now, resolver).unwrap_or_default();
                format!(
                    "the code asks {id} in the place of {}{more}, which {} is planned with{cost}",
                    old.id, old.feature
                )
            }
            None if was_planned => {
                format!("the code still names {id}{more}, which this change takes out of the workload")
            }
            None => format!("the code names {id}{more}, which no feature is planned with"),
        };
        DriftFact {
            code: RuleCode::ModelDrift,
            feature: old.map(|old| old.feature.clone()),
            message,
            help: match old {
                Some(old) => format!("write `model: {id}` at {}:{}", self.context.head.name(), old.line),
                None => "plan a feature with it, or write `farebox: ignore` in a comment of the line".to_owned(),
            },
            file: first.0.to_owned(),
            line: first.1,
            subject: format!("model {id}"),
            since,
        }
    }

    /// What the feature costs, and what it would cost with the model that the code names.
    fn cost_instead(
        &self,
        old: &PlannedModel,
        id: &str,
        now: &PricedSide,
        resolver: &mut dyn Resolver,
    ) -> Option<String> {
        let index = now.costed.plan.features.iter().position(|f| f.feature.name == old.feature)?;
        let shown = &self.context.shown;
        let is_now = now.costed.feature_sums(index)?.monthly(shown);
        let mut workload = Workload::clone(&now.costed.plan.workload);
        workload.features.retain(|feature| feature.name == old.feature);
        let routes = workload.features.iter_mut().flat_map(|feature| &mut Arc::make_mut(feature).routes);
        for route in routes {
            let found = self.context.setup.table.get(&route.model, self.context.setup.at);
            if found.is_some_and(|found| found.full_id() == old.id) {
                id.clone_into(&mut route.model);
            }
        }
        let (with, _) = costed(&workload, &[], shown, false, resolver).ok()?;
        let would = with.feature_sums(0)?.monthly(shown);
        Some(format!(": {} a month there, {} in the plan", shown.text_of(would), shown.text_of(is_now)))
    }

    /// Prompt files and tool definitions that no feature counts.
    fn prompts(&self, now: &PricedSide, resolver: &mut dyn Resolver) -> Vec<DriftFact> {
        let texts =
            self.head.iter().filter(|(file, names)| names.is != CodeFile::Other && !self.counted.contains(*file));
        texts.map(|(file, names)| self.uncounted(file, names.is, now, resolver)).collect()
    }

    fn uncounted(&self, file: &str, is: CodeFile, now: &PricedSide, resolver: &mut dyn Resolver) -> DriftFact {
        let text = read_bytes(&self.root.join(file)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let stream = now.costed.plan.features.first().and_then(|feature| feature.streams.first());
        let tokens = stream.zip(text.ok()).and_then(|(stream, text)| resolver.count(&stream.found, &text.into()).ok());
        let size = tokens.map_or_else(String::new, |count| {
            let about = if count.low == count.high { "" } else { "about " };
            format!("{about}{} tokens", count.tokens)
        });
        let what = match is {
            CodeFile::Tools(1) => format!("defines a tool ({size})"),
            CodeFile::Tools(n) => format!("defines {n} tools ({size})"),
            _ => format!("is a prompt ({size})"),
        }
        .replace(" ()", "");
        let (since, how) = match (self.has_base, self.changed.get(file)) {
            (false, _) => (DriftSince::Unknown, ""),
            (true, None) => (DriftSince::Base, ""),
            (true, Some(changed)) if changed.base.is_some() => (DriftSince::Change, ", changed here,"),
            (true, Some(_)) => (DriftSince::Change, ", new here,"),
        };
        let key = if matches!(is, CodeFile::Tools(_)) { "tools" } else { "prompt" };
        DriftFact {
            code: RuleCode::PromptDrift,
            feature: None,
            message: format!("{file} {what}{how} and no feature counts it"),
            help: format!("write `{key}: {{file: {}}}` in the feature that sends it", self.path_in_workload(file)),
            file: file.to_owned(),
            line: 1,
            subject: format!("file {file}"),
            since,
        }
    }

    /// A file of the repository as the workload names it.
    fn path_in_workload(&self, file: &str) -> String {
        let workload = self.named(&self.context.head.path);
        let folder: Vec<&str> = workload.rsplit_once('/').map_or(Vec::new(), |(folder, _)| folder.split('/').collect());
        let parts: Vec<&str> = file.split('/').collect();
        let same = folder.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        format!("{}{}", "../".repeat(folder.len() - same), parts[same..].join("/"))
    }

    /// MCP servers: their tools go with every request, and no file says how long they are.
    fn servers(&self) -> Vec<DriftFact> {
        let head = self.context.head;
        let workload = self.named(&head.path);
        let has_tools = head.raw.features.0.iter().any(|(_, feature)| feature.tools.is_some());
        // Who counts tools, and changes them along with the servers, is believed.
        let keeps_up =
            self.changed.contains_key(&workload) || self.counted.iter().any(|f| self.changed.contains_key(f));
        let mut facts = Vec::new();
        for (file, names) in &self.head {
            let changed = self.changed.get(file);
            let before = changed.and_then(|changed| changed.base.as_ref());
            for server in &names.servers {
                let is_new = changed.is_some() && before.is_none_or(|before| !before.servers.contains(server));
                let since = match self.has_base {
                    false => DriftSince::Unknown,
                    true if is_new => DriftSince::Change,
                    true => DriftSince::Base,
                };
                if has_tools && (since != DriftSince::Change || keeps_up) {
                    continue;
                }
                facts.push(DriftFact {
                    code: RuleCode::PromptDrift,
                    feature: None,
                    message: format!(
                        "{file} names the MCP server {server}: its tools go with every request, and no feature counts them"
                    ),
                    help: "write its tool definitions to a file, and `tools: {file: …}` in the features that use it".to_owned(),
                    file: file.clone(),
                    line: 1,
                    subject: format!("server {server}"),
                    since,
                });
            }
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_prose_tests_and_what_others_wrote() {
        let cases = [
            ("app/chat.py", true),
            ("settings.toml", true),
            (".env.production", true),
            ("README.md", false),
            ("docs/conf.py", false),
            ("app/tests/test_chat.py", false),
            ("web/node_modules/openai/index.js", false),
            ("package-lock.json", false),
        ];
        for (path, want) in cases {
            assert_eq!(is_code(path), want, "{path}");
        }
    }

    #[test]
    fn a_model_is_the_same_at_another_host_and_not_in_another_size() {
        let cases = [
            ("openai/gpt-4o", "azure/gpt-4o", true),
            ("openai/gpt-4o", "openai/gpt-4o-mini", false),
            ("openai/gpt-4", "openai/gpt-4-turbo", false),
            ("openai/gpt-4o", "openai/gpt-4o-2024-05-13", false),
        ];
        for (a, b, want) in cases {
            assert_eq!(is_same(a, b), want, "{a} {b}");
        }
    }
}
