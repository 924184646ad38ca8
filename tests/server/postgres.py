"""A PostgreSQL server for tests, of Debian's package: in a temporary folder, on a Unix socket, ended with the tests."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import psycopg
import pytest


def url() -> str:
    """An empty database. Skips, saying why, where no server can be started."""
    found = _server()
    if found.startswith("no "):
        pytest.skip(f"{found}; `apt-get install postgresql` brings one")
    with psycopg.connect(found, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return found


@cache
def _server() -> str:
    """Its URL, or what is missing."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        return "no PostgreSQL is installed"
    account = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    if account is not None and account not in {one.pw_name for one in pwd.getpwall()}:
        return "no user `postgres` to run it as"
    folder = Path(tempfile.mkdtemp(prefix="latentgraph-postgres-"))
    if account is not None:
        shutil.chown(folder, account)
    data, bin_folder = folder / "data", programs[-1].parent
    common = {"user": account, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    initdb = [bin_folder / "initdb", "-D", data, "-A", "trust", "-U", "latentgraph", "--no-sync"]
    subprocess.run(initdb, check=True, **common)  # type: ignore[call-overload]
    options = f"-k {folder} -c listen_addresses="
    control = [bin_folder / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    subprocess.run([*control, "-o", options, "start"], check=True, **common)  # type: ignore[call-overload]

    def end() -> None:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, **common)  # type: ignore[call-overload]
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return f"postgresql://latentgraph@/postgres?host={folder}"
