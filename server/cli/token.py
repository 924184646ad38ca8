"""`latentgraph token`: make, list and revoke the tokens of a service that asks for them."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from typing import Final

from server.options import Parser, add_user, one_of, user_folder
from server.tokens import FILE, Token, Tokens

_ACTIONS: Final = ("create", "list", "revoke")


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    tokens = Tokens(user_folder(options) / FILE)
    match options.what:
        case "create":
            _create(tokens, options.name or "", as_json=options.json)
        case "revoke":
            gone = tokens.revoke(options.name or "")
            print(json.dumps({"revoked": gone.id}) if options.json else f"{gone.id} ({gone.name}) is revoked")
        case _:
            _list(tokens, as_json=options.json)
    return 0


def parser() -> argparse.ArgumentParser:
    made = Parser(prog="latentgraph token", description=__doc__)
    made.add_argument("what", type=one_of(*_ACTIONS), metavar="|".join(_ACTIONS), help="what to do")
    made.add_argument("name", nargs="?", metavar="NAME", help="whom a new token is for, or the id or name of one")
    made.add_argument("--json", action="store_true", help="print JSON")
    add_user(made)
    return made


def _create(tokens: Tokens, name: str, *, as_json: bool) -> None:
    made, secret = tokens.create(name)
    if as_json:
        print(json.dumps({"id": made.id, "name": made.name, "token": secret}))
        return
    print(secret)
    print(f"\nThis is token {made.id} for {made.name!r}. It is not kept and cannot be shown again.")
    print("Clients send it as `Authorization: Bearer TOKEN`; the editor opens with it at ADDRESS/#token=TOKEN.")
    where = tokens.path.absolute()
    print(
        f"Its hash is in {where}: it is for a service that is started with `--user {shlex.quote(str(where.parent))}`."
    )


def _list(tokens: Tokens, *, as_json: bool) -> None:
    found = tokens.all()
    if as_json:
        print(json.dumps([{"id": one.id, "name": one.name, "created": one.created} for one in found]))
        return
    for one in found:
        print(_line(one))
    if not found:
        print("There is no token. `latentgraph token create NAME` makes one.")


def _line(one: Token) -> str:
    return f"{one.id}  {one.made}  {one.name}"
