//! `farebox check`: what a change does to the bill, why, and whether a rule forbids it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ColorChoice;
use rust_decimal::Decimal;
use serde_json::{Map, json};

use super::check_bill::{self as bill, Costs, Explained, Monthly, Unpriced};
use super::check_ci::{Ci, Service};
use super::check_places::{beside, name_of, prompt_files, raw_feature};
use super::check_sides::{Against, Side};
use super::out::Out;
use super::say;
use super::shared::{self, PriceFlags, Setup};
use super::workload::{Shop, Shown};
use crate::cli::error::Error;
use farebox::calculator::budget::{Verdict, judge as judge_budgets};
use farebox::calculator::projection::{Plan, Point, Resolver, plan};
use farebox::calculator::rules::{BudgetFact, Code, Facts, FeatureFacts, Finding, Level, ModelFact, PromptFact, judge};
use farebox::calculator::settled::{Settled, in_usd};
use farebox::calculator::shape::At;
use farebox::input::workload::rules::{Rules, read_rules};
use farebox::money::Usd;
use farebox::pricing::PriceTable;
use farebox::report::gate::{Gate, GateFeature, Money, Part};
use farebox::report::{self, Format};

/// Check what a change does to the bill, and why; fails when a rule of the workload file says so
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox check --base origin/main
  farebox check -w plans/tutor.yaml --base HEAD~1 --format markdown
  farebox check --write-baseline farebox.json; farebox check --baseline farebox.json
  farebox check --base origin/main --report sarif=farebox.sarif --report junit=farebox.xml
  farebox check --accept search \"launch week\" --until 2027-01-31

Rules stand under `check:` in the workload file; docs/check.md lists them. Nothing is uploaded. Exit codes: 0 passed,
1 a budget or rule failed, 2 a file or rule that is not understood, 3 something has no price and --strict was given,
4 only retired models or old prices, 5 I/O.")]
pub(crate) struct Args {
    /// Workload file; farebox.yaml when left out
    #[arg(long, short = 'w', value_name = "FILE")]
    workload: Option<PathBuf>,
    /// Compare with the point where HEAD left this branch or commit; `none` compares with nothing
    #[arg(long, value_name = "REF", conflicts_with = "baseline")]
    base: Option<String>,
    /// Compare with a file that --write-baseline wrote
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write what a later check compares with; it holds the workload and the text of its prompts
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Write a report to a file as well, such as sarif=farebox.sarif, or page.html where the ending says the format; repeatable
    #[arg(long = "report", value_name = "[FORMAT=]FILE", value_parser = report_flag)]
    reports: Vec<(CheckFormat, PathBuf)>,
    /// Accept what a feature breaks (`plan` for the whole), with the reason, up to the end of a day: writes an exemption
    #[arg(long, num_args = 2, value_names = ["FEATURE", "REASON"], requires = "until", allow_hyphen_values = true)]
    accept: Vec<String>,
    /// Last day on which the exemption holds
    #[arg(long, value_name = "DATE", requires = "accept")]
    until: Option<String>,
    /// Whose build machine this is: where annotations, summaries and outputs go, and the base when none is given
    #[arg(long, value_enum, default_value_t = Service::Auto, value_name = "SERVICE")]
    ci: Service,
    /// Exit with 3 when something could not be priced
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prices: PriceFlags,
    /// Format of the output [default: what the ending of --output says, or table]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    format: Option<CheckFormat>,
    /// Write to a file, which appears only when it is whole
    #[arg(long, short = 'o', value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Print no notes on stderr
    #[arg(long, short = 'q', help_heading = "Output")]
    quiet: bool,
    /// When to use colour
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN", help_heading = "Output")]
    color: ColorChoice,
}

macro_rules! own_formats {
    ($($variant:ident $module:ident $name:literal $about:literal;)+) => {
        /// A form of the report: one that every command has, or one that a build machine reads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum CheckFormat {
            Shared(Format),
            $($variant,)+
        }

        const FORMATS: &[CheckFormat] = &[
            CheckFormat::Shared(Format::Table), CheckFormat::Shared(Format::Json), CheckFormat::Shared(Format::Jsonl),
            CheckFormat::Shared(Format::Csv), CheckFormat::Shared(Format::Markdown), CheckFormat::Shared(Format::Html),
            $(CheckFormat::$variant),+
        ];

        impl CheckFormat {
            fn name(self) -> &'static str {
                match self { CheckFormat::Shared(format) => format.name(), $(CheckFormat::$variant => $name),+ }
            }

            fn about(self) -> &'static str {
                match self { CheckFormat::Shared(format) => format.about(), $(CheckFormat::$variant => $about),+ }
            }

            fn write_own(self, gate: &Gate, out: &mut dyn Write) -> std::io::Result<()> {
                match self { CheckFormat::Shared(_) => Ok(()), $(CheckFormat::$variant => report::$module::write(gate, out)),+ }
            }
        }
    };
}

own_formats! {
    Github      github      "github"      "GitHub workflow commands: annotations at their lines";
    Sarif       sarif       "sarif"       "SARIF 2.1.0, for code scanning";
    Junit       junit       "junit"       "JUnit XML";
    Gitlab      gitlab      "gitlab"      "GitLab code quality";
    OpenMetrics openmetrics "openmetrics" "OpenMetrics text, for GitLab metrics reports";
}

impl clap::ValueEnum for CheckFormat {
    fn value_variants<'a>() -> &'a [Self] {
        FORMATS
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.name()).help(self.about()))
    }
}

fn report_flag(text: &str) -> Result<(CheckFormat, PathBuf), String> {
    let names = || FORMATS.iter().map(|f| f.name()).collect::<Vec<_>>().join(", ");
    if let Some(format) = format_of_ending(Path::new(text)).filter(|_| !text.contains('=')) {
        return Ok((format, text.into()));
    }
    let Some((name, file)) = text.split_once('=').filter(|(_, file)| !file.is_empty()) else {
        return Err(format!("{text:?} is not FORMAT=FILE: write sarif=farebox.sarif; the formats are {}", names()));
    };
    let format = FORMATS.iter().copied().find(|f| f.name() == name);
    format
        .map(|format| (format, file.into()))
        .ok_or_else(|| format!("{name:?} is not a format: write one of {}", names()))
}

/// The format that the ending of a file asks for.
fn format_of_ending(path: &Path) -> Option<CheckFormat> {
    match path.extension()?.to_str()?.to_lowercase().as_str() {
        "sarif" => Some(CheckFormat::Sarif),
        // JUnit is the only format here that is XML.
        "xml" => Some(CheckFormat::Junit),
        _ => shared::format_of_ending(path).map(CheckFormat::Shared),
    }
}

impl Args {
    /// The format asked for, or that of the ending of the file.
    fn format(&self) -> CheckFormat {
        let of_ending = || self.output.as_deref().and_then(format_of_ending);
        self.format.or_else(of_ending).unwrap_or(CheckFormat::Shared(Format::Table))
    }
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let setup = args.prices.table.setup()?;
    if let ([feature, reason], Some(until)) = (&args.accept[..], &args.until) {
        return super::check_accept::accept(args.workload.as_deref(), feature, reason, until, &setup);
    }
    let ci = Ci::detect(args.ci, |name| std::env::var(name).ok());
    let head = Side::head(args.workload.as_deref(), &setup, args.quiet)?;
    let against = against(&args, &ci, &head, &setup)?;
    let rules = read_rules(&name_of(&head), &head.raw, &head.workload.currency);
    let mut checked = Check { args: &args, setup: &setup, head: &head, against: &against, rules: &rules }.run()?;
    let result = verdict(&checked, &rules, args.strict);
    checked.gate.passed = result.is_ok();
    checked.gate.exit_code = result.as_ref().err().map_or(0, Error::exit_code);
    let gate = &checked.gate;
    if let Some(path) = &args.write_baseline {
        let text = serde_json::to_string_pretty(&head.recorded(&setup, checked.recorded.clone())).unwrap_or_default();
        Out::open(Some(path))?.write_with(|out| writeln!(out, "{text}"))?;
    }
    for (format, path) in &args.reports {
        write(gate, *format, Some(path), args.color)?;
    }
    let format = args.format();
    write(gate, format, args.output.as_deref(), args.color)?;
    ci.publish(
        gate,
        format == CheckFormat::Github && args.output.is_none(),
        &args.reports.iter().map(|(_, p)| p.as_path()).collect::<Vec<_>>(),
    )?;
    result
}

/// The report in one format, to a file or standard output.
fn write(gate: &Gate, format: CheckFormat, path: Option<&Path>, color: ColorChoice) -> Result<(), Error> {
    let out = Out::open(path)?;
    let screen = out.screen(color);
    out.write_with(|out| match format {
        CheckFormat::Shared(Format::Markdown) => report::comment::write(gate, out),
        CheckFormat::Shared(format) => {
            let mut report = gate.report(if format == Format::Table { 50 } else { usize::MAX });
            if let (Format::Table, Some(width)) = (format, screen.width) {
                report.fit(width);
            }
            if format.readers() == report::Readers::People {
                report.drop_empty_columns();
            }
            if format.readers() == report::Readers::People {
                return report::write(&report, format, screen, out);
            }
            // A build log reads standard output too: nothing in it is a command.
            let mut bytes = Vec::new();
            report::write(&report, format, screen, &mut bytes)?;
            out.write_all(report::gate::spelled_out(&String::from_utf8_lossy(&bytes)).as_bytes())
        }
        own => own.write_own(gate, out),
    })?;
    Ok(())
}

fn against(args: &Args, ci: &Ci, head: &Side, setup: &Setup) -> Result<Against, Error> {
    if let Some(path) = &args.baseline {
        return Against::baseline(path, head, setup);
    }
    match args.base.clone().or_else(|| ci.base.clone()) {
        Some(name) if name == "none" => Ok(Against::none()),
        Some(name) => Against::git(&name, head, &args.prices.table.overlays, setup),
        None => Ok(Against::none()),
    }
}

/// How the program ends: what is not understood first, then broken rules, then what has no price, then staleness.
fn verdict(checked: &Checked, rules: &Rules, strict: bool) -> Result<(), Error> {
    let gate = &checked.gate;
    let of = |code: fn(Code) -> bool| gate.counting().filter(|f| f.level == Level::Error && code(f.code)).count();
    let rules_broken = of(|code| !code.is_staleness() && code != Code::BadRule);
    let bad = gate.findings.iter().filter(|f| f.code == Code::BadRule).count();
    let unknown = checked.unpriced.iter().filter(|u| u.is_unknown).count();
    let asked_about = rules.rules.iter().any(|r| r.code == Code::Unpriced && r.line > 0);
    if bad > 0 {
        return Err(Error::Usage(counted(bad, "rule is not understood", "rules are not understood")));
    }
    if rules_broken > 0 {
        return Err(Error::Failed(counted(rules_broken, "rule is broken", "rules are broken")));
    }
    if strict && !checked.unpriced.is_empty() {
        return Err(Error::Strict(checked.unpriced.len() as u64));
    }
    if checked.priced == 0 {
        checked.unpriced.iter().for_each(|u| say(&format!("{}: {}", u.name, u.why)));
        return Err(Error::NothingPriced);
    }
    if unknown > 0 && !asked_about {
        let first = checked.unpriced.iter().find(|u| u.is_unknown).map(|u| format!("{}: {}", u.name, u.why));
        return Err(Error::Usage(first.unwrap_or_default()));
    }
    match of(Code::is_staleness) {
        0 => Ok(()),
        n => Err(Error::Stale(format!("{n} findings about retired models or old prices"))),
    }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}; the report says which", if n == 1 { one } else { many })
}

/// What a check came to.
struct Checked {
    gate: Gate,
    unpriced: Vec<Unpriced>,
    priced: usize,
    recorded: Map<String, serde_json::Value>,
}

struct Check<'c> {
    args: &'c Args,
    setup: &'c Setup,
    head: &'c Side,
    against: &'c Against,
    rules: &'c Rules,
}

/// Both sides priced, where there are two.
struct Priced {
    base: Monthly,
    base_bill: farebox::calculator::rules::Bill,
    base_features: BTreeMap<String, farebox::calculator::rules::Bill>,
    budgets: Vec<Verdict>,
    /// The base at the prices of the head.
    repriced: Decimal,
    parts: Vec<Part>,
    drift: Option<Decimal>,
    unpriced: Vec<Unpriced>,
}

impl Check<'_> {
    fn run(&self) -> Result<Checked, Error> {
        let mut workload = self.head.workload.clone();
        let mut shop = Shop::new(self.setup, &workload);
        let unpriced = bill::leave_out_unpriced(&mut workload, &mut shop);
        let shown = Shown::of(self.args.prices.currency.as_deref(), &workload, &shop)?;
        let plan = plan(&workload, &mut shop, None)?;
        let settled = Settled::of(&plan, &shop)?;
        let costs = bill::costs(&plan, &settled, self.needs_bounds())?;
        let monthly = costs.monthly(&plan, shown.per_usd);
        let budgets = judge_budgets(&plan, &costs.outcome, &shop)?;
        let earlier = self.earlier_setup()?;
        let mut priced = None;
        if let Some(base) = &self.against.side {
            priced = Some(self.compare(base, earlier.as_ref(), &plan, &costs, &monthly, &mut shop, &shown)?);
        }
        let facts = self.feature_facts(&plan, &costs, &unpriced, priced.as_ref(), &mut shop);
        let budget_facts = budget_facts(&budgets, priced.as_ref().map(|p| &p.budgets));
        let findings = self.findings(&facts, &budget_facts, &costs, priced.as_ref(), &shop, &shown);
        let gate = self.gate(&plan, &costs, &monthly, &shown, priced, findings, &facts);
        let mut recorded = Map::new();
        recorded.insert("currency".into(), json!(shown.currency));
        recorded.insert("monthly".into(), json!(monthly.total().normalize().to_string()));
        let features = monthly.features.iter().map(|(name, amount)| (name.clone(), json!(amount.to_string())));
        recorded.insert("features".into(), features.collect::<Map<_, _>>().into());
        Ok(Checked { gate, priced: workload.features.len(), unpriced, recorded })
    }

    fn needs_bounds(&self) -> bool {
        self.rules.rules.iter().any(|r| r.code == Code::MaxRange)
    }

    /// The table as it was at the base, where its price files were other ones.
    fn earlier_setup(&self) -> Result<Option<Setup>, Error> {
        let Some(files) = &self.against.prices else { return Ok(None) };
        let mut table = PriceTable::bundled();
        table.lay_over(files).map_err(|problems| super::shared::price_error(&problems, files))?;
        let (at, as_of, vocabularies) = (self.setup.at, self.setup.as_of.clone(), self.setup.vocabularies.clone());
        Ok(Some(Setup { table: table.into(), at, as_of, currency: None, vocabularies }))
    }

    #[allow(clippy::too_many_arguments, reason = "the two sides of one comparison")]
    fn compare(
        &self,
        base: &Side,
        earlier: Option<&Setup>,
        head_plan: &Plan,
        head_costs: &Costs,
        head_monthly: &Monthly,
        shop: &mut Shop<'_>,
        shown: &Shown,
    ) -> Result<Priced, Error> {
        let mut workload = base.workload.clone();
        shop.use_exchange_of(&workload);
        let unpriced = bill::leave_out_unpriced(&mut workload, shop);
        let mut base_shop = earlier.map(|setup| Shop::new(setup, &workload));
        if let Some(base_shop) = &mut base_shop {
            bill::leave_out_unpriced(&mut workload, base_shop);
        }
        let per_usd = bill::per_usd(&workload, earlier.map_or(&self.setup.table, |s| &s.table), &shown.currency)
            .unwrap_or(shown.per_usd);
        // With the table of today, for rules; with its own, for what was paid.
        let now_plan = plan(&workload, shop, None)?;
        let now_costs = bill::costs(&now_plan, &Settled::of(&now_plan, shop)?, false)?;
        let budgets = judge_budgets(&now_plan, &now_costs.outcome, shop)?;
        let mut own = None;
        if let Some(base_shop) = &mut base_shop {
            let own_plan = plan(&workload, base_shop, None)?;
            let costs = bill::costs(&own_plan, &Settled::of(&own_plan, base_shop)?, false)?;
            own = Some((own_plan, costs));
        }
        let (base_plan, base_costs) = own.as_ref().map_or((&now_plan, &now_costs), |(plan, costs)| (plan, costs));
        let mut base_monthly = base_costs.monthly(base_plan, per_usd);
        let repriced = now_costs.monthly(&now_plan, per_usd).total();
        shop.use_exchange_of(&self.head.workload);
        let mut all = Explained {
            base,
            head: self.head,
            base_plan,
            head_plan,
            base_costs,
            head_costs,
            rates: (per_usd, shown.per_usd),
            base_shop: base_shop.as_mut(),
            head_shop: shop,
        };
        let mut parts = Vec::new();
        for feature in &head_plan.features {
            parts.extend(bill::explain(&mut all, &feature.feature.name)?);
        }
        parts.extend(self.came_and_went(base, &base_monthly, head_monthly));
        let drift = self.price_of_then(&mut base_monthly, &mut parts, shown);
        parts.extend(bill::beside(&base_monthly, head_monthly));
        let names = now_plan.features.iter().map(|f| f.feature.name.clone()).enumerate();
        Ok(Priced {
            base_bill: now_costs.bill(),
            base_features: names.filter_map(|(i, name)| Some((name, now_costs.feature_bill(i)?))).collect(),
            budgets,
            base: base_monthly,
            repriced,
            parts,
            drift,
            unpriced,
        })
    }

    /// Features that are on one side alone: their calls came from nothing, or went to nothing.
    fn came_and_went(&self, base: &Side, before: &Monthly, after: &Monthly) -> Vec<Part> {
        let part = |name: &str, amount: Decimal, what: &str, places| Part {
            feature: Some(name.to_owned()),
            factor: "calls",
            label: "calls",
            amount,
            is_exact: true,
            what: what.to_owned(),
            places,
        };
        let new = after.features.iter().filter(|(name, _)| !before.features.contains_key(*name));
        let mut parts: Vec<Part> = new
            .map(|(name, amount)| {
                let line = raw_feature(self.head, name).map_or(0, |(line, _)| line);
                part(name, *amount, "new feature", vec![(name_of(self.head), line)])
            })
            .collect();
        let gone = before.features.iter().filter(|(name, _)| !after.features.contains_key(*name));
        parts.extend(gone.map(|(name, amount)| {
            let line = raw_feature(base, name).map_or(0, |(line, _)| line);
            let still = self.head.workload.features.iter().any(|f| f.name == *name);
            part(
                name,
                -*amount,
                if still { "has no price any more" } else { "removed" },
                vec![(name_of(self.head), if still { line } else { 0 })],
            )
        }));
        parts
    }

    /// What the base cost when it was recorded, where its prices were other ones; how far they moved since, as a share.
    fn price_of_then(&self, base: &mut Monthly, parts: &mut Vec<Part>, shown: &Shown) -> Option<Decimal> {
        let recorded = self.against.recorded.as_ref()?;
        let now = base.total();
        let then = recorded.monthly.filter(|_| recorded.currency == shown.currency)?;
        let drift = (now - then).checked_div(then);
        let id = self.setup.table.id();
        if recorded.sha256 == id.sha256 && recorded.version == id.version {
            return drift;
        }
        for (name, was) in &recorded.features {
            let Some(amount) = base.features.get_mut(name) else { continue };
            let change = (*amount - *was).normalize();
            *amount = *was;
            if !change.is_zero() {
                parts.push(Part {
                    feature: Some(name.clone()),
                    factor: "price_table",
                    label: "price table",
                    amount: change,
                    is_exact: true,
                    what: format!("{} → {}", recorded.version, id.version),
                    places: Vec::new(),
                });
            }
        }
        drift
    }

    fn feature_facts(
        &self,
        plan: &Plan,
        costs: &Costs,
        unpriced: &[Unpriced],
        priced: Option<&Priced>,
        shop: &mut Shop,
    ) -> Vec<FeatureFacts> {
        let counts_files = self.rules.rules.iter().any(|r| r.code == Code::MaxPromptTokens);
        let line_of = |name: &str| raw_feature(self.head, name).map_or(0, |(line, _)| line);
        let mut list = Vec::new();
        for (index, feature) in plan.features.iter().enumerate() {
            let name = &feature.feature.name;
            let outcome = costs.outcome.features.get(index);
            let models = feature
                .streams
                .iter()
                .map(|stream| {
                    let route = feature.feature.routes.iter().find(|r| {
                        shop.find(&r.model, self.setup.at).is_ok_and(|f| f.full_id() == stream.found.full_id())
                    });
                    let info = &stream.found.model.info;
                    let rates = stream.found.model.rates_at(self.setup.at);
                    let is_own = rates.is_some_and(|r| r.source.basis == farebox::pricing::card::SourceBasis::Own);
                    ModelFact {
                        id: stream.found.full_id(),
                        asked: route.map_or_else(|| stream.found.full_id(), |r| r.model.clone()),
                        line: route.map_or_else(|| line_of(name), |r| r.line),
                        window: info.context_window,
                        longest: feature.longest_prompt(stream),
                        retired: info.retired,
                        replacement: info.replacement.clone(),
                        checked: rates.filter(|_| !is_own).map(|r| r.source.checked),
                    }
                })
                .collect();
            let prompts = if counts_files { self.prompt_facts(feature, shop) } else { Vec::new() };
            list.push(FeatureFacts {
                name: name.clone(),
                line: line_of(name),
                bill: costs.feature_bill(index),
                base: priced.and_then(|p| p.base_features.get(name).copied()),
                call: call_usd(feature),
                models,
                prompts,
                range: outcome.and_then(|o| bill::width(o.total.low, o.total.expected, o.total.high)),
                unpriced: None,
            });
        }
        list.extend(unpriced.iter().map(|u| FeatureFacts {
            name: u.name.clone(),
            line: u.line,
            unpriced: Some(u.why.clone()),
            ..FeatureFacts::default()
        }));
        list
    }

    fn prompt_facts(&self, feature: &farebox::calculator::projection::FeaturePlan, shop: &mut Shop) -> Vec<PromptFact> {
        let (Some(stream), Some((_, raw))) = (feature.streams.first(), raw_feature(self.head, &feature.feature.name))
        else {
            return Vec::new();
        };
        prompt_files(raw)
            .into_iter()
            .filter_map(|(name, _)| {
                // The plan has counted this very text for this model, or the feature would stand under `unpriced`.
                let count = shop.count(&stream.found, &self.head.file(&name)?.into()).ok()?;
                Some(PromptFact {
                    path: beside(self.head, &name),
                    tokens: count.high.max(count.tokens),
                    is_estimated: count.low != count.high,
                })
            })
            .collect()
    }

    fn findings(
        &self,
        features: &[FeatureFacts],
        budgets: &[BudgetFact],
        costs: &Costs,
        priced: Option<&Priced>,
        shop: &Shop,
        shown: &Shown,
    ) -> Vec<Finding> {
        let id = self.setup.table.id();
        let start = self.head.workload.start;
        let usd = |amount: &farebox::calculator::workload::Amount| {
            in_usd(amount, "the rule", start, shop).map_err(|e| e.to_string().replace("\n  help: ", "; "))
        };
        let money = |usd: Usd| shown.text(usd);
        let total = costs.outcome.total;
        let file = name_of(self.head);
        let budget = self.head.raw.budget.as_ref();
        let facts = Facts {
            file: &file,
            features,
            bill: costs.bill(),
            base: priced.map(|p| p.base_bill),
            budgets,
            budget_line: budget.and_then(|b| b.total.as_ref().or(b.monthly.as_ref())).map_or(0, |q| q.place.line),
            range: bill::width(total.low, total.expected, total.high),
            table: (&id.version, &id.sha256),
            recorded: self.against.recorded.as_ref().map(|r| (r.version.clone(), priced.and_then(|p| p.drift))),
            now: self.setup.at,
            usd: &usd,
            money: &money,
        };
        let mut found: Vec<Finding> = self
            .rules
            .bad
            .iter()
            .map(|problem| {
                let help = problem.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
                Finding {
                    code: Code::BadRule,
                    level: Level::Error,
                    feature: None,
                    message: format!("{}{help}", problem.message),
                    file: file.clone(),
                    line: problem.place.line,
                    exempted: None,
                    subject: problem.message.clone(),
                }
            })
            .collect();
        found.extend(judge(&facts, &self.rules.rules, &self.rules.exemptions));
        found
    }

    #[allow(clippy::too_many_arguments, reason = "everything that the report shows")]
    fn gate(
        &self,
        plan: &Plan,
        costs: &Costs,
        monthly: &Monthly,
        shown: &Shown,
        priced: Option<Priced>,
        findings: Vec<Finding>,
        facts: &[FeatureFacts],
    ) -> Gate {
        let id = self.setup.table.id();
        let in_shown = |usd: Usd| shown.amount(usd).round_dp(18).normalize();
        let base = priced.as_ref().map(|p| &p.base);
        let mut features: Vec<GateFeature> = plan
            .features
            .iter()
            .enumerate()
            .map(|(i, feature)| {
                let name = &feature.feature.name;
                let head = monthly.features.get(name).copied().unwrap_or_default();
                let was = base.map(|b| b.features.get(name).copied().unwrap_or_default());
                let is_new = base.is_some_and(|b| !b.features.contains_key(name));
                let status = if is_new {
                    "new"
                } else if was.is_some_and(|was| was != head) {
                    "changed"
                } else {
                    "same"
                };
                let usd = costs.outcome.features.get(i).map_or(Usd::ZERO, |f| f.total.expected);
                let fact = facts.iter().find(|f| f.name == *name);
                GateFeature {
                    name: name.clone(),
                    status,
                    money: Money { base: was, head, total: in_shown(usd), total_usd: usd.amount() },
                    call_usd: fact.and_then(|f| f.call).map(Usd::amount),
                    line: fact.map_or(0, |f| f.line),
                }
            })
            .collect();
        features.extend(facts.iter().filter(|f| f.unpriced.is_some()).map(|f| GateFeature {
            name: f.name.clone(),
            status: "unpriced",
            line: f.line,
            ..GateFeature::default()
        }));
        let gone =
            base.into_iter().flat_map(|b| &b.features).filter(|(name, _)| !features.iter().any(|f| f.name == **name));
        let gone: Vec<GateFeature> = gone
            .map(|(name, was)| GateFeature {
                name: name.clone(),
                status: "removed",
                money: Money { base: Some(*was), ..Money::default() },
                ..GateFeature::default()
            })
            .collect();
        features.extend(gone);
        features.sort_by_key(|f| std::cmp::Reverse(f.money.delta().unwrap_or_default().abs()));
        let mut notes = self.against.notes.clone();
        notes.extend(plan.features.iter().flat_map(|f| f.events.iter().map(|e| e.text.clone())));
        notes.sort();
        notes.dedup();
        if let Some(then) = self.against.recorded.as_ref().filter(|r| r.currency != shown.currency) {
            notes.push(format!(
                "The baseline is in {}, this check in {}: the base was priced again, at today's rate.",
                then.currency, shown.currency
            ));
        }
        if let Some(p) = &priced {
            notes.extend(
                p.unpriced
                    .iter()
                    .map(|u| format!("At the base, {} has no price and is not compared: {}", u.name, u.why)),
            );
        }
        Gate {
            title: self.head.workload.name.clone(),
            workload: name_of(self.head),
            base: self.against.shown.clone(),
            table: (id.version.clone(), id.sha256.clone()),
            at: self.setup.shown_at(),
            currency: shown.currency.clone(),
            per_usd: shown.per_usd,
            money: Money {
                base: base.map(|b| b.total().normalize()),
                head: monthly.total().normalize(),
                total: in_shown(costs.outcome.total.expected),
                total_usd: costs.outcome.total.expected.amount(),
            },
            repriced: priced.as_ref().map(|p| p.repriced.normalize()),
            months: costs.months,
            features,
            parts: priced.map(|p| p.parts).unwrap_or_default(),
            findings,
            rules: {
                let mut names: Vec<&'static str> = self.rules.rules.iter().map(|r| r.code.name()).collect();
                names.dedup();
                names
            },
            assumptions: self.head.workload.assumptions.clone(),
            notes,
            ..Gate::default()
        }
    }
}

/// What becomes of the budgets: one fact for the total, and one for all months, of the first that is over.
fn budget_facts(head: &[Verdict], base: Option<&Vec<Verdict>>) -> Vec<BudgetFact> {
    let mut facts = Vec::new();
    for is_monthly in [false, true] {
        let of = |v: &&Verdict| v.month.is_some() == is_monthly;
        let held = base.map(|list| list.iter().filter(of).all(Verdict::holds));
        // A base without such a budget was not over it.
        let over: Vec<&Verdict> = head.iter().filter(of).filter(|v| !v.holds()).collect();
        let Some(first) = over.first() else { continue };
        let name = match (first.month, over.len()) {
            (None, _) => format!("the budget of {}", first.amount),
            (Some(month), 1) => format!("the monthly budget of {} in {month}", first.amount),
            (Some(month), n) => format!("the monthly budget of {} in {n} months, first in {month}", first.amount),
        };
        let subject = if is_monthly { "monthly budget" } else { "budget" };
        facts.push(BudgetFact { name, subject, limit: first.usd, spent: first.spent, base_held: held });
    }
    facts
}

/// What one call of a feature costs at the means in the first days of the plan.
fn call_usd(feature: &farebox::calculator::projection::FeaturePlan) -> Option<Usd> {
    let point = Point::all(At::Expected);
    let mut sum = Usd::ZERO;
    for stream in &feature.streams {
        let epoch = stream.epochs.first()?;
        let usd = feature.per_call(stream, epoch, &point)?;
        sum = sum.checked_add(farebox::calculator::projection::times(usd, stream.share)?)?;
    }
    Some(sum)
}
