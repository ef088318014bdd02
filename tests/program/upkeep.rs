//! What keeps the table true, as a user meets it: its age, its evidence, the faults that `prices lint` finds, and
//! reviews of public databases.

use crate::support::farebox;

/// The day that the bundled table's version names.
fn table_day() -> String {
    let version = farebox(["prices", "list", "--format", "json"]).run().code(0).json()["table"]["version"].clone();
    let numbers: Vec<&str> = version.as_str().expect("a version").split(['.', '+']).take(3).collect();
    numbers.join("-")
}

fn days_after(day: &str, days: i64) -> String {
    let day: jiff::civil::Date = day.parse().expect("a day");
    day.saturating_add(jiff::Span::new().days(days)).to_string()
}

#[test]
fn an_old_table_says_its_age_in_every_command_that_prices_and_a_young_one_does_not() {
    let table = table_day();
    let (young, old) = (days_after(&table, 30), days_after(&table, 31));
    let commands: [&[&str]; 7] = [
        &["prices", "list", "-p", "cohere"],
        &["prices", "show", "openai/gpt-4o"],
        &["prices", "history", "openai/gpt-4o"],
        &["prices", "changes", "-p", "cohere"],
        &["models", "-p", "cohere"],
        &["estimate", "--model", "openai/gpt-4o", "--text", "hello"],
        &["compare", "--model", "openai/gpt-4o", "--text", "hello"],
    ];
    for command in commands {
        let at = |day: &str| farebox(command.iter().copied()).args(["--at", day]).run().code(0).stdout;
        assert!(at(&old).contains("is 31 days old on"), "{command:?}:\n{}", at(&old));
        assert!(!at(&young).contains("days old"), "{command:?}:\n{}", at(&young));
    }
}

#[test]
fn programs_get_the_age_of_an_old_table_as_a_number() {
    let table = table_day();
    let age = |day: String| {
        let ran = farebox(["prices", "list", "-p", "cohere", "--format", "json", "--at", &day]).run().code(0);
        ran.json()["table"]["age_days"].clone()
    };
    assert_eq!(age(days_after(&table, 45)), 45);
    assert!(age(days_after(&table, 30)).is_null() && age(days_after(&table, -400)).is_null());
}
