//! The read side: pages, single events, the feed and statistics.
