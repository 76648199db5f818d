package jcrosvm.hypervisor.soft.mmu;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Pending;
import org.jspecify.annotations.Nullable;

/**
 * Lets one thread stop all processors of a VM for a moment: an exclusive section.
 *
 * <p>A processor is <em>inside</em> between {@link Processor#enter} and {@link Processor#leave}, while its thread runs
 * guest code or touches its TLB. A thread that wants the section asks those inside with {@link Pending#COHERENCE} and waits
 * until each has left; a processor that is outside (in a device, halted, not running) does not delay it, but waits in
 * {@code enter} while the section lasts. A processor that wants the section itself counts as outside while it waits, so
 * two of them do not wait for each other; what it knew of memory may be out of date when the section begins.
 */
public final class Coherence {
    private final ReentrantLock lock = new ReentrantLock();
    /** A thread has left, or the section has ended. */
    private final Condition changed = lock.newCondition();

    private final List<Processor> processors = new CopyOnWriteArrayList<>();
    /** Set while a section is wanted or lasts: {@code enter} and {@code leave} look at it without the lock. */
    private volatile boolean wanted;

    private volatile @Nullable Thread owner;

    Coherence() {}

    /** A processor takes part from now on, outside at first. */
    Processor join(Cpu cpu, Tlb tlb) {
        Processor processor = new Processor(cpu, tlb);
        processors.add(processor);
        return processor;
    }

    /** One processor's side; but for {@link #inside} its methods belong to the processor's thread. */
    public final class Processor {
        private final Cpu cpu;
        private final Tlb tlb;
        private volatile @Nullable Thread inside;

        private Processor(Cpu cpu, Tlb tlb) {
            this.cpu = cpu;
            this.tlb = tlb;
        }

        /** Before guest code runs: waits while an exclusive section lasts. Calling it twice does no harm. */
        public void enter() {
            Thread current = Thread.currentThread();
            inside = current;
            while (wanted && !isOwner(current)) {
                inside = null;
                awaitEnd();
                inside = current;
            }
        }

        /**
         * After guest code, and before anything that may take long or wait for other processors.
         *
         * @return whether it was inside
         */
        public boolean leave() {
            boolean was = inside != null;
            inside = null;
            if (wanted) {
                lock.lock();
                try {
                    changed.signalAll();
                } finally {
                    lock.unlock();
                }
            }
            return was;
        }

        /** What {@link Pending#COHERENCE} asks for: lets exclusive sections happen. */
        public void safepoint() {
            cpu.take(Pending.COHERENCE);
            leave();
            enter();
        }

        public boolean inside() {
            return inside != null;
        }

        /** The processor is gone for good. */
        public void close() {
            leave();
            processors.remove(this);
        }
    }

    private boolean isOwner(Thread thread) {
        return owner == thread;
    }

    private void awaitEnd() {
        lock.lock();
        try {
            changed.signalAll();
            while (wanted) {
                changed.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Runs {@code action} while no processor is inside. From any thread: a processor's that is inside counts as outside
     * meanwhile and is inside again afterwards. Within a section it just runs. Exceptions of the action come out.
     */
    public void exclusive(Runnable action) {
        Thread current = Thread.currentThread();
        if (isOwner(current)) {
            action.run();
            return;
        }
        Processor own = null;
        for (Processor p : processors) {
            if (p.inside == current) {
                own = p;
                p.leave();
            }
        }
        begin(current);
        try {
            action.run();
        } finally {
            end();
            if (own != null) {
                own.enter();
            }
        }
    }

    private void begin(Thread current) {
        lock.lock();
        try {
            while (wanted) {
                changed.awaitUninterruptibly();
            }
            wanted = true;
            for (Processor p : processors) {
                if (p.inside != null) {
                    p.cpu.request(Pending.COHERENCE);
                }
            }
            for (Processor p : processors) {
                while (p.inside != null) {
                    changed.awaitUninterruptibly();
                }
            }
            owner = current;
        } finally {
            lock.unlock();
        }
    }

    private void end() {
        lock.lock();
        try {
            owner = null;
            wanted = false;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    // For the owner of the section

    void flushAll() {
        for (Processor p : processors) {
            p.tlb.flushAll();
        }
    }

    void dropWrites(long hostPage) {
        for (Processor p : processors) {
            p.tlb.dropWrites(hostPage);
        }
    }
}
