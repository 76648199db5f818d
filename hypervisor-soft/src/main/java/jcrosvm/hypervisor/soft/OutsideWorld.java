package jcrosvm.hypervisor.soft;

import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.mmu.Outside;

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

    OutsideWorld(IoEvents events, LocalApic apic) {
        this.events = events;
        this.apic = apic;
    }

    void handler(VcpuExitHandler newHandler) {
        handler = newHandler;
    }

    void endOfInterrupt(int vector) {
        handler.endOfInterrupt(vector);
    }

    @Override
    public long portRead(int port, int size) {
        return handler.portRead(port, size);
    }

    @Override
    public void portWrite(int port, int size, long value) {
        if (!events.written(true, port, size, value)) {
            handler.portWrite(port, size, value);
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
