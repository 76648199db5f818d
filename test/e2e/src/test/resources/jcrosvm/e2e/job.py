"""Runs a command line as a job of an interactive shell on a new terminal; prints how that went, and what was shown.

usage: job.py LINE
The first line of output is "ended", "stopped" or "hangs".
"""
import fcntl, os, pty, re, select, subprocess, sys, termios, time

master, terminal = pty.openpty()


def own_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def states(group):
    """The states of a group's processes, but for those that have ended and wait for the shell."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(fields[0])
    return found


shell = subprocess.Popen(["sh", "-i"], stdin=terminal, stdout=terminal, stderr=terminal, preexec_fn=own_terminal,
                         env=os.environ | {"PS1": ""})
line = sys.argv[1]
os.write(master, (line + ("" if line.endswith("&") else ";") + " echo job $!.\n").encode())
output, how, deadline = b"", "hangs", time.time() + 100
while how == "hangs" and time.time() < deadline:
    if select.select([master], [], [], 0.1)[0]:
        output += os.read(master, 4096)
    job = re.search(rb"job (\d*)\.", output)
    if job and not job.group(1):
        how = "ended" # in the foreground
    elif job:
        now = states(int(job.group(1)))
        how = "stopped" if "T" in now else "hangs" if now else "ended"
print(how)
print(output.decode(errors="replace"))
shell.kill()
