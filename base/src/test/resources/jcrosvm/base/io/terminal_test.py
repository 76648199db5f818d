"""Runs a command on a new terminal and prints whether it came up raw and whether the terminal was put back.

usage: terminal_test.py HOW COMMAND...
HOW is "end" (the command ends by itself), the name of a signal to send it, or "shell", where the command is a
foreground job of an interactive shell and is killed: then the shell takes the terminal back at the same time.
"""
import fcntl, os, pty, re, select, shlex, signal, subprocess, sys, termios, time

how, command = sys.argv[1], sys.argv[2:]
master, terminal = pty.openpty()


def modes():
    return termios.tcgetattr(terminal)[:4]


def own_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def wait_for(condition):
    deadline = time.time() + 20
    while not condition() and time.time() < deadline:
        time.sleep(0.02)
    return condition()


before = modes()
started = ["sh", "-i"] if how == "shell" else command
process = subprocess.Popen(started, stdin=terminal, stdout=terminal, stderr=terminal, preexec_fn=own_terminal)
if how == "shell":
    os.write(master, (shlex.join(command) + "\n").encode())
output, found, deadline = b"", None, time.time() + 60
while not found and time.time() < deadline:
    if select.select([master], [], [], 0.2)[0]:
        output += os.read(master, 4096)
    found = re.search(rb"raw (\d+)\.", output)
raw = not modes()[3] & termios.ICANON
os.write(master, b"\x03go\n")
if not found:
    sys.exit("the command did not start: " + output.decode(errors="replace"))
if how != "end":
    os.kill(int(found.group(1)), signal.SIGKILL if how == "shell" else getattr(signal, how))
restored = wait_for(lambda: modes() == before)
# It must also stay so.
time.sleep(0.2)
print("raw" if raw else "cooked", "restored" if restored and modes() == before else "lost")
process.kill()
