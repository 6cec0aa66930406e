"""What schemathesis has to know beside the document."""

import schemathesis


@schemathesis.hook
def before_call(context, case, **kwargs):
    """A request that waits for news for half a minute finds nothing that one of 20 ms does not."""
    query = case.query
    if isinstance(query, dict) and isinstance(query.get("wait"), str) and query["wait"][:-1].isdigit() and query["wait"].endswith("s"):
        query["wait"] = "1s" if len(query["wait"]) > 3 else "20ms"


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
