//! Pages that filter by a column that the operator has had indexed.

use std::borrow::Cow;
use std::time::Duration;

use event::{Data, Event};
use store::indexes::{self, Column, Options};
use store::read::{
    Budgets, DataFilter, Filter, Order, PageQuery, Pattern, PatternSet, Reader, Side,
};

use crate::support::{NOON, Store, event, ids, query, sources};

const COUNT: i64 = 3_000;
const DAY: i64 = 86_400_000_000;

/// Events over five months: 30 subjects, 3 types, 5 sources, and a number or a text in the data.
fn events() -> Vec<Event<'static>> {
    (0..COUNT)
        .map(|n| {
            let mut event = event(
                &format!("shop-{}", n % 5),
                n.to_string(),
                NOON + n * DAY / 20,
            );
            event.subject = (n % 31 != 30).then(|| Cow::Owned(format!("cart/{}", n % 31)));
            event.kind = Cow::Owned(format!("kind-{}", n % 3));
            let data = match n % 2 {
                0 => format!(r#"{{"order": {{"number": {}.0}}}}"#, n % 50),
                _ => format!(r#"{{"order": {{"number": "{}"}}}}"#, n % 50),
            };
            event.data = Data::Json(Cow::Owned(data.into_bytes()));
            event
        })
        .collect()
}

fn set(texts: &[&str]) -> PatternSet {
    PatternSet::of(texts.iter().map(|text| Pattern::parse(text)))
}

fn number(equals: &str) -> Vec<DataFilter> {
    vec![DataFilter {
        path: vec!["order".to_owned(), "number".to_owned()],
        equals: Some(equals.to_owned()),
    }]
}

/// Filters, and the index that each is read along; none when it is no single value of an indexed column.
fn filters() -> Vec<(Filter, Option<&'static str>)> {
    let any = || sources(&["*"]);
    let subjects = |subjects: &[&str]| Filter {
        subjects: set(subjects),
        ..any()
    };
    vec![
        (subjects(&["cart/7"]), Some("subject")),
        (subjects(&["cart/7", "cart/8", "none"]), Some("subject")),
        (subjects(&["cart/1*"]), None),
        (subjects(&["none"]), Some("subject")),
        (
            Filter {
                types: set(&["kind-*"]),
                sources: set(&["shop-*"]),
                ..subjects(&["cart/7"])
            },
            Some("subject"),
        ),
        (
            // Both are indexed: the subject has fewer events.
            Filter {
                types: set(&["kind-1"]),
                ..subjects(&["cart/7"])
            },
            Some("subject"),
        ),
        (
            Filter {
                types: set(&["kind-1"]),
                ..any()
            },
            Some("type"),
        ),
        (
            Filter {
                data: number("8"),
                ..any()
            },
            Some("data"),
        ),
        (
            Filter {
                data: number("\"7\""),
                sources: set(&["shop-2"]),
                ..any()
            },
            Some("data"),
        ),
        (
            Filter {
                data: number("\"x\""),
                ..any()
            },
            Some("data"),
        ),
    ]
}

/// The ids of all pages of a query, walked to its end and back to its beginning.
async fn walk(reader: &Reader, filter: &Filter, order: Order) -> (Vec<String>, Vec<String>) {
    let mut asked = PageQuery {
        order,
        ..query(filter.clone(), 7)
    };
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let mut last = None;
    loop {
        let page = reader.page(&asked).await.expect("a page");
        there.extend(ids(&page.events));
        last = page.prev.or(last);
        match page.next {
            Some(next) => asked.at = Some(next),
            None => break,
        }
    }
    if let Some((Side::Before, at)) = last {
        asked.at = Some((Side::Before, at));
        loop {
            let page = reader.page(&asked).await.expect("a page");
            back.splice(0..0, ids(&page.events));
            match page.prev {
                Some(prev) => asked.at = Some(prev),
                None => break,
            }
        }
    }
    (there, back)
}

/// Pages that come short by the clock would be cut elsewhere each time.
fn patient() -> Budgets {
    Budgets {
        page: Duration::from_secs(60),
        search: Duration::from_secs(60),
        ..Budgets::default()
    }
}

async fn read_all(reader: &Reader) -> Vec<(Vec<String>, Vec<String>)> {
    let mut found = Vec::new();
    for (filter, _) in filters() {
        for order in [Order::Ascending, Order::Descending] {
            found.push(walk(reader, &filter, order).await);
        }
    }
    found
}

#[tokio::test]
async fn the_same_events_come_along_an_added_index_and_the_plan_says_so() {
    let store = Store::start().await;
    let events = events();
    store.write(0, 0, &events).await;
    let before = read_all(&store.another_reader(patient())).await;
    assert!(before[0].0.len() > 90, "{before:?}");
    let (filter, _) = &filters()[0];
    let plan = store.reader.explain(&query(filter.clone(), 100)).await;
    assert!(
        !plan.expect("explained").contains("subject_time"),
        "not yet"
    );

    let columns: Vec<Column> = ["subject", "type", "id", "data.order.number"]
        .iter()
        .map(|text| Column::parse(text).expect("valid"))
        .collect();
    indexes::maintain(&store.pool, &columns, Options::default(), |_| {})
        .await
        .expect("built");
    // A process that begins now knows them at once, others within a minute.
    let reader = store.another_reader(patient());
    for (filter, along) in filters() {
        let page = query(filter, 100);
        let plan = reader.explain(&page).await.expect("explained");
        match along {
            Some(column) => {
                let name = format!("_by_{column}");
                assert!(plan.contains(&name), "{page:?}\n{plan}");
                // What several values bring is put into order, at most a page of each.
                let is_sorted = plan.contains("Sort") && !plan.contains("wanted");
                assert!(!is_sorted && !plan.contains("Seq Scan"), "{page:?}\n{plan}");
            }
            None => assert!(!plan.contains("_by_"), "{page:?}\n{plan}"),
        }
    }
    assert_eq!(read_all(&reader).await, before);
}

#[tokio::test]
async fn a_source_with_few_events_is_read_by_its_own_index_however_many_others_share_the_value() {
    let store = Store::start().await;
    let mut all = events();
    for (n, event) in all.iter_mut().enumerate() {
        event.source = Cow::Borrowed(if n % 500 == 7 { "rare" } else { "frequent" });
        event.subject = Some(Cow::Borrowed("all"));
    }
    store.write(0, 0, &all).await;
    indexes::maintain(&store.pool, &[Column::Subject], Options::default(), |_| {})
        .await
        .expect("built");
    let reader = store.another_reader(patient());
    let filter = |source: &str| Filter {
        subjects: set(&["all"]),
        ..sources(&[source])
    };
    let plan = reader.explain(&query(filter("rare"), 100)).await;
    let plan = plan.expect("explained");
    assert!(
        plan.contains("source_time") && !plan.contains("_by_subject"),
        "{plan}"
    );
    let page = reader
        .page(&query(filter("rare"), 100))
        .await
        .expect("read");
    assert_eq!(
        ids(&page.events),
        ["7", "507", "1007", "1507", "2007", "2507"]
    );
    assert!(
        page.next.is_none(),
        "and it is known that there are no more"
    );
}
