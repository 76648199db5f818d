package jcrosvm.hypervisor.soft;

import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.mmu.Coherence;
import jcrosvm.hypervisor.soft.mmu.Outside;
import org.jspecify.annotations.Nullable;

/** What a processor finds outside RAM: its local APIC, events, and behind them whatever the machine has. */
final class OutsideWorld implements Outside {
    private static final VcpuExitHandler NOTHING = new VcpuExitHandler() {
        @Override
        public long portRead(int port, int size) {
            return -1;
        }

        @Override
        public void portWrite(int port, int size, long value) {}

        @Override
        public long mmioRead(long address, int size) {
            return -1;
        }

        @Override
        public void mmioWrite(long address, int size, long value) {}
    };

    private final IoEvents events;
    private final LocalApic apic;
    private VcpuExitHandler handler = NOTHING;
    private Coherence.@Nullable Processor processor;

    OutsideWorld(IoEvents events, LocalApic apic) {
        this.events = events;
        this.apic = apic;
    }

    /** Of whom others need not wait while a port's device is busy; the MMU does the same around memory. */
    void processor(Coherence.Processor newProcessor) {
        processor = newProcessor;
    }

    void handler(VcpuExitHandler newHandler) {
        handler = newHandler;
    }

    void endOfInterrupt(int vector) {
        handler.endOfInterrupt(vector);
    }

    @Override
    public long portRead(int port, int size) {
        boolean inside = leave();
        try {
            return handler.portRead(port, size);
        } finally {
            enter(inside);
        }
    }

    @Override
    public void portWrite(int port, int size, long value) {
        if (events.written(true, port, size, value)) {
            return;
        }
        boolean inside = leave();
        try {
            handler.portWrite(port, size, value);
        } finally {
            enter(inside);
        }
    }

    private boolean leave() {
        return processor != null && processor.leave();
    }

    private void enter(boolean inside) {
        if (inside && processor != null) {
            processor.enter();
        }
    }

    @Override
    public long mmioRead(long address, int size) {
        if (apic.isAt(address)) {
            return apic.read((int) address & LocalApic.PAGE - 1, size);
        }
        return handler.mmioRead(address, size);
    }

    @Override
    public void mmioWrite(long address, int size, long value) {
        if (apic.isAt(address)) {
            apic.write((int) address & LocalApic.PAGE - 1, size, value);
        } else if (!events.written(false, address, size, value)) {
            handler.mmioWrite(address, size, value);
        }
    }
}
