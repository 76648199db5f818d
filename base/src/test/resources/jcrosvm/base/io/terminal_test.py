"""Runs a command on a new terminal and prints whether it came up raw and whether the terminal was put back.

usage: terminal_test.py HOW COMMAND...
HOW is
- "end": the command ends by itself
- the name of a signal to send it
- "shell": the command is a foreground job of an interactive shell and is killed: then the shell takes the terminal back at
  the same time
- "stop": as "shell", but the job is stopped, brought to the foreground again and then terminated
- "bg": the same, but it goes on in the background, where it must leave the terminal alone
- "start": the job is started in the background, where it must wait, and then brought to the foreground and terminated
"""
import fcntl, os, pty, re, select, shlex, signal, subprocess, sys, termios, time

how, command = sys.argv[1], sys.argv[2:]
master, terminal = pty.openpty()
output = b""


def modes():
    return termios.tcgetattr(terminal)[:4]


def own_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def wait_for(condition, seconds=20):
    global output
    deadline = time.time() + seconds
    while not condition() and time.time() < deadline:
        if select.select([master], [], [], 0.02)[0]:
            output += os.read(master, 4096)
    return condition()


def raw():
    return not modes()[3] & termios.ICANON


def type_line(text):
    os.write(master, (text + "\n").encode())


def state(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1][0]
    except (FileNotFoundError, ProcessLookupError):
        return "gone"


def require(condition, what):
    if not wait_for(condition):
        sys.exit(what + ": " + output.decode(errors="replace"))


before = modes()
shell = how in ("shell", "stop", "bg", "start")
process = subprocess.Popen(["sh", "-i"] if shell else command, stdin=terminal, stdout=terminal, stderr=terminal,
                           preexec_fn=own_terminal)
if shell:
    type_line(shlex.join(command) + (" & echo job $!." if how == "start" else ""))
if how == "start":
    require(lambda: re.search(rb"job (\d+)\.", output), "no job")
    job = int(re.search(rb"job (\d+)\.", output).group(1))
    require(lambda: state(job) == "T", "the background job did not wait")
    if b"raw " in output or modes() != before:
        sys.exit("the background job changed the terminal")
    type_line("fg")
wait_for(lambda: re.search(rb"raw (\d+)\.", output), 60)
found = re.search(rb"raw (\d+)\.", output)
came_up_raw = wait_for(raw, 0)
if not found:
    sys.exit("the command did not start: " + output.decode(errors="replace"))
pid = int(found.group(1))
if how in ("stop", "bg"):
    os.write(master, b"\x03")  # a job that waits for input could not go on in the background
    time.sleep(0.2)
    os.kill(pid, signal.SIGTSTP)
    require(lambda: state(pid) == "T" and modes() == before, "not stopped with the terminal put back")
    type_line("fg" if how == "stop" else "bg")
    require(lambda: state(pid) != "T", "it does not go on")
    if how == "stop":
        require(raw, "not raw again")
    else:
        time.sleep(0.5)
        if raw():
            sys.exit("a background job changed the terminal")
    os.kill(pid, signal.SIGTERM)
    require(lambda: state(pid) in ("gone", "Z"), "it does not end, state " + state(pid))
elif how == "start":
    os.kill(pid, signal.SIGTERM)
else:
    os.write(master, b"\x03go\n")
    if how != "end":
        os.kill(pid, signal.SIGKILL if how == "shell" else getattr(signal, how))
restored = wait_for(lambda: modes() == before)
# It must also stay so.
time.sleep(0.2)
print("raw" if came_up_raw else "cooked", "restored" if restored and modes() == before else "lost")
process.kill()
