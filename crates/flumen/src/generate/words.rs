//! What audit events are made of.

/// Applications, the most active first.
pub(super) const APPLICATIONS: [&str; 12] = [
    "shop",
    "billing",
    "identity",
    "crm",
    "warehouse",
    "search",
    "support",
    "reports",
    "payroll",
    "ledger",
    "shipping",
    "catalog",
];

/// Where an application runs when there are more than names.
pub(super) const REGIONS: [&str; 4] = ["", "-eu", "-us", "-ap"];

/// One kind of thing that happens.
pub(super) struct Deed {
    /// `type` of the event.
    pub(super) kind: &'static str,
    pub(super) action: &'static str,
    /// What it is done to.
    pub(super) target: &'static str,
    /// How often, compared with others.
    pub(super) weight: u16,
    /// Failures among a thousand.
    pub(super) failures: u64,
}

const fn deed(
    kind: &'static str,
    action: &'static str,
    target: &'static str,
    weight: u16,
    failures: u64,
) -> Deed {
    Deed {
        kind,
        action,
        target,
        weight,
        failures,
    }
}

pub(super) const DEEDS: [Deed; 20] = [
    deed("com.example.document.viewed", "view", "document", 220, 4),
    deed("com.example.user.login", "login", "session", 160, 62),
    deed("com.example.order.created", "create", "order", 110, 12),
    deed("com.example.user.logout", "logout", "session", 90, 0),
    deed(
        "com.example.document.downloaded",
        "download",
        "document",
        70,
        9,
    ),
    deed("com.example.invoice.issued", "issue", "invoice", 60, 3),
    deed("com.example.invoice.paid", "pay", "invoice", 55, 21),
    deed("com.example.record.updated", "update", "record", 50, 8),
    deed("com.example.order.cancelled", "cancel", "order", 30, 5),
    deed("com.example.document.shared", "share", "document", 30, 14),
    deed("com.example.export.requested", "export", "report", 22, 18),
    deed("com.example.settings.changed", "change", "settings", 18, 10),
    deed("com.example.order.refunded", "refund", "order", 16, 27),
    deed(
        "com.example.permission.denied",
        "access",
        "record",
        15,
        1000,
    ),
    deed(
        "com.example.user.password.changed",
        "change-password",
        "user",
        12,
        33,
    ),
    deed("com.example.user.created", "create", "user", 10, 7),
    deed("com.example.user.mfa.enabled", "enable-mfa", "user", 8, 40),
    deed("com.example.role.granted", "grant", "role", 8, 6),
    deed("com.example.apikey.created", "create", "apikey", 6, 2),
    deed("com.example.role.revoked", "revoke", "role", 5, 4),
];

/// First and last names of those who do it.
pub(super) const FIRST: [&str; 16] = [
    "Ada", "Bruno", "Chiara", "Dinesh", "Elif", "Farid", "Grace", "Hanna", "Ivan", "Jun", "Karim",
    "Leila", "Mateo", "Nora", "Olu", "Priya",
];
pub(super) const LAST: [&str; 16] = [
    "Almeida", "Brunner", "Costa", "Demir", "Eriksen", "Fischer", "Gupta", "Haas", "Ito", "Jensen",
    "Keller", "Lopez", "Moreau", "Novak", "Okafor", "Petrov",
];

pub(super) const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64) Firefox/141.0",
    "Mozilla/5.0 (Macintosh) Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0) Chrome/139.0",
    "okhttp/4.12.0",
    "example-ios/7.3.1",
    "python-requests/2.32",
];
