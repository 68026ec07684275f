"""300 random graphs (TRIT_CASES says another number) whose gradients PyTorch computes here and now; test_golden, built from the file
beside this one, computes ours and compares. Skipped where there is no PyTorch; Debian's is tried too."""
import os
import subprocess
import sys

SOURCE, BUILD = os.environ["TRIT_SOURCE"], os.environ["TRIT_BUILD"]
COUNT, SEED = os.environ.get("TRIT_CASES") or "300", os.environ.get("TRIT_SEED") or "2"

python = next((p for p in (sys.executable, "/usr/bin/python3")
               if subprocess.run([p, "-c", "import torch"], stderr=subprocess.DEVNULL, check=False).returncode == 0), None)
if python is None:
    print("skipped: no PyTorch here")
    sys.exit(77)
subprocess.run([python, os.path.join(SOURCE, "tools", "make_grad_golden.py"), "--graphs", COUNT, "--seed", SEED, "--out", "graphs.json"], check=True)
print(open("graphs.json").readline())
sys.exit(subprocess.run([os.path.join(BUILD, "test_grad_golden")], env={**os.environ, "TRIT_GRAPHS": "graphs.json"}, check=False).returncode)
