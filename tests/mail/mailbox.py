#!/usr/bin/env python3
"""A real SMTP server on loopback that writes every mail it takes as one line of JSON: the mailbox of the tests.

    mailbox.py                               listens on a free port of 127.0.0.1, without TLS
    mailbox.py --output mails.jsonl          writes there instead of to standard output
    mailbox.py --tls starttls --cert c.pem --key k.pem --user relay --password secret

Its first line says where it is: {"listening": {"host": "127.0.0.1", "port": 40123}}. A line for each mail follows:

    {"message_id", "subject", "from", "to": [envelope], "headers": {..}, "text", "html", "tls", "user", "bytes"}

It fails where it is told to: --refuse ADDRESS answers a recipient with 550; --busy N answers the first N mails with 451;
--cut N takes the first N mails and closes the connection instead of answering. It ends when standard input does.
"""
import argparse
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Mailbox:
    """Takes mails and writes them down."""

    def __init__(self, options, output):
        self.options = options
        self.output = output
        self.busy = options.busy
        self.cut = options.cut

    def write(self, line):
        self.output.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.output.flush()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.options.refuse:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        if self.busy > 0:
            self.busy -= 1
            return "451 4.3.2 busy, come again"
        raw = envelope.original_content
        message = email.message_from_bytes(raw, policy=email.policy.default)
        body = lambda kind: (part := message.get_body((kind,))) and part.get_content()
        self.write(
            {
                "message_id": str(message["message-id"]),
                "subject": str(message["subject"]),
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "headers": [[name, str(value)] for name, value in message.items()],
                "text": body("plain"),
                "html": body("html"),
                "tls": session.ssl is not None or self.options.tls == "tls",
                "user": session.auth_data,
                "bytes": len(raw),
            }
        )
        if self.cut > 0:
            self.cut -= 1
            server.transport.abort()
        return "250 2.0.0 taken"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--output")
    parser.add_argument("--tls", choices=["none", "starttls", "tls"], default="none")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--refuse", action="append", default=[])
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--cut", type=int, default=0)
    return parser.parse_args()


async def serve(options, output):
    context = None
    if options.tls != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)

    def authenticate(server, session, envelope, mechanism, data):
        known = data.login == options.user.encode() and data.password == options.password.encode()
        return AuthResult(success=known, handled=False, auth_data=options.user)

    mailbox = Mailbox(options, output)

    def connection():
        return SMTP(
            mailbox,
            hostname="localhost",
            tls_context=context if options.tls == "starttls" else None,
            require_starttls=options.tls == "starttls",
            # A connection that was secured from its first byte need not be secured again.
            auth_require_tls=options.tls == "starttls",
            auth_required=options.user is not None,
            authenticator=authenticate if options.user is not None else None,
            data_size_limit=64 << 20,
        )

    loop = asyncio.get_running_loop()
    listener = await loop.create_server(
        connection, "127.0.0.1", options.port, ssl=context if options.tls == "tls" else None
    )
    host, port = listener.sockets[0].getsockname()[:2]
    print(json.dumps({"listening": {"host": host, "port": port}}), flush=True)
    # Whoever started this holds the other end: when it is gone, so is the mailbox.
    await loop.run_in_executor(None, sys.stdin.read)


def main():
    options = arguments()
    output = open(options.output, "a", encoding="utf-8") if options.output else sys.stdout
    try:
        asyncio.run(serve(options, output))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
