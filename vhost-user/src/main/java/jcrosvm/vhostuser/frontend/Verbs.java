package jcrosvm.vhostuser.frontend;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.Errno;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.TimerFd;
import jcrosvm.config.Value;
import jcrosvm.sandbox.BootstrapSocket;
import jcrosvm.sandbox.ChildProcess;
import jcrosvm.vhostuser.bootstrap.Bootstrap;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Answer;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Verb;

/** Requests of the control socket to a device in a process of its own, and the answers. Thread-safe. */
final class Verbs implements AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(Verbs.class);

    /** Most requests that wait for an answer. */
    private static final int MOST = 64;

    private static final long TIMEOUT_NANOS = TimeUnit.MILLISECONDS.toNanos(BootstrapSocket.TIMEOUT_MILLIS);

    private final Bootstrap bootstrap;
    private final ChildProcess process;
    private final TimerFd timer = new TimerFd();
    /** In the order of their deadlines. */
    private final Map<Long, Waiting> waiting = new LinkedHashMap<>(); // guarded by this

    private long lastId; // guarded by this
    private boolean closed; // guarded by this

    private record Waiting(String verb, long deadline, CompletableFuture<Value> reply) {
        void fail(int errno) {
            reply.completeExceptionally(new OsException(verb, errno));
        }
    }

    Verbs(Bootstrap bootstrap, ChildProcess process) {
        this.bootstrap = bootstrap;
        this.process = process;
        process.watch(bootstrap.fd(), events -> receive());
        process.watch(timer.fd(), events -> expire());
        process.onEnd(this::close);
    }

    /** As {@link jcrosvm.virtio.VirtioDevice#command}. */
    synchronized CompletionStage<Value> ask(String verb, Value body) {
        if (closed) {
            throw new OsException(verb + ": the device has ended", Errno.ENODEV);
        }
        if (waiting.size() == MOST) {
            throw new OsException(verb + ": the device has not answered " + MOST + " requests", Errno.EBUSY);
        }
        long id = ++lastId;
        Waiting asked = new Waiting(verb, System.nanoTime() + TIMEOUT_NANOS, new CompletableFuture<>());
        waiting.put(id, asked);
        try {
            bootstrap.send(new Verb(id, verb, body), List.of());
        } catch (VmmException e) {
            waiting.remove(id);
            close();
            throw new OsException(verb + ": " + e.getMessage(), Errno.ENODEV);
        }
        if (waiting.size() == 1) {
            timer.arm(TIMEOUT_NANOS, 0);
        }
        return asked.reply;
    }

    private void receive() {
        try (Bootstrap.Received received = bootstrap.receive(0)) {
            if (received == null) {
                process.unwatch(bootstrap.fd());
                close();
            } else if (received.message() instanceof Answer answer) {
                answered(answer);
            } else {
                throw new VmmException("it sent a message that does not belong there");
            }
        } catch (VmmException e) {
            process.unwatch(bootstrap.fd());
            LOG.log(System.Logger.Level.ERROR, "process " + process.pid() + " is killed: " + e.getMessage());
            process.kill();
            close();
        }
    }

    private void answered(Answer answer) {
        Waiting asked;
        synchronized (this) {
            asked = waiting.remove(answer.id());
        }
        if (asked == null) {
            return; // too late
        }
        Value reply = answer.reply();
        if (answer.errno() != 0 || reply == null) {
            asked.fail(answer.errno());
        } else {
            asked.reply.complete(reply);
        }
    }

    private void expire() {
        timer.drain();
        List<Waiting> late = new ArrayList<>();
        synchronized (this) {
            long now = System.nanoTime();
            waiting.values().removeIf(asked -> asked.deadline - now <= 0 && late.add(asked));
            if (!waiting.isEmpty() && !closed) {
                timer.arm(waiting.values().iterator().next().deadline - now, 0);
            }
        }
        late.forEach(asked -> asked.fail(Errno.ETIMEDOUT));
    }

    /** Nothing is answered any more. */
    @Override
    public void close() {
        List<Waiting> left;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            process.unwatch(timer.fd());
            timer.close();
            left = List.copyOf(waiting.values());
            waiting.clear();
        }
        left.forEach(asked -> asked.fail(Errno.ENODEV));
    }
}
