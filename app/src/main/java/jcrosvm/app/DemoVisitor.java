package jcrosvm.app;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jcrosvm.app.log.Log;
import jcrosvm.base.VmmException;
import jcrosvm.guest.GuestSsh;
import jcrosvm.vmm.VmControl;

/** Comes to a guest by ssh as soon as that is possible, looks around, and switches the guest off. */
final class DemoVisitor {
    private static final Duration PATIENCE = Duration.ofMinutes(15);
    private static final int ANSWER_MILLIS = 5000;
    private static final int PAUSE_MILLIS = 500;
    private static final String SCRIPT = """
            run() {
                echo "# $*"
                "$@" </dev/null
                echo
            }
            run uname -a
            run systemctl is-system-running --wait
            run ip -br addr
            run df -h /
            run systemctl poweroff
            """;

    private final GuestSsh ssh;
    private final CountDownLatch end = new CountDownLatch(1);
    private volatile boolean done;

    DemoVisitor(GuestSsh ssh) {
        this.ssh = ssh;
    }

    /** Comes on a thread of its own. */
    void start(VmControl vm) {
        vm.threads().start("demo-visitor", () -> visit(vm));
    }

    /**
     * The machine has ended.
     *
     * @throws VmmException if the visit did not take place
     */
    void ended() {
        end.countDown();
        if (!done) {
            throw new VmmException("the guest ended before a login was possible");
        }
    }

    private void visit(VmControl vm) {
        long start = System.nanoTime();
        try {
            while (!ssh.answers(ANSWER_MILLIS)) {
                if (end.await(PAUSE_MILLIS, TimeUnit.MILLISECONDS)) {
                    return;
                }
                if (System.nanoTime() - start > PATIENCE.toNanos()) {
                    Log.warn("the guest's ssh server does not answer: giving up");
                    vm.stop();
                    return;
                }
            }
            Log.info("ssh answers after " + TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start) + " s");
            if (GuestSsh.hasClient()) {
                ssh.run(SCRIPT);
            } else {
                Log.warn("there is no ssh here to log in with: install openssh-client to see more");
                vm.powerButton();
            }
            done = true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (VmmException e) {
            Log.warn("" + e.getMessage());
            vm.stop();
        }
    }
}
