import sys,tempfile
from pathlib import Path
from tests.torture.rows import ROWS
for a in sys.argv[1:]:
    i,n,*m=a.split(":")
    row={r.id:r for r in ROWS}[i]
    with tempfile.TemporaryDirectory() as f:
        try: o=row(Path(f),int(n),m[0] if m else "")
        except BaseException as e: print(i,m,"EXC",type(e).__name__,str(e)[:200]); continue
        print(i,m,o.n,o.faults[:4],len(o.faults),o.figures,o.seconds,flush=True)
