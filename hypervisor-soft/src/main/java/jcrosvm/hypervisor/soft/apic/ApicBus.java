package jcrosvm.hypervisor.soft.apic;

import java.util.Arrays;

/** All local APICs of a VM: finds whom a message is for (SDM volume 3, 11.6.2). Thread-safe. */
public final class ApicBus {
    private static final int XAPIC_BROADCAST = 0xff;
    private static final int X2APIC_BROADCAST = -1;

    private volatile LocalApic[] apics = {};
    private volatile int lastChosen; // by lowest priority, so that equals take turns

    synchronized void add(LocalApic apic) {
        LocalApic[] more = Arrays.copyOf(apics, apics.length + 1);
        more[apics.length] = apic;
        apics = more;
    }

    synchronized void remove(LocalApic apic) {
        apics = Arrays.stream(apics).filter(a -> a != apic).toArray(LocalApic[]::new);
    }

    /**
     * A message-signalled interrupt (SDM volume 3, 11.11).
     *
     * @param address with bits 8 to 31 of an x2APIC destination in bits 40 to 63
     */
    public void message(long address, int data) {
        int destination = ((int) (address >> 12) & 0xff) | ((int) (address >>> 32) & ~0xff);
        boolean logical = (address & (1 << 2)) != 0;
        boolean redirect = (address & (1 << 3)) != 0;
        int command = (data & (0x7ff | Message.LEVEL)) | Message.ASSERT | (logical ? Message.LOGICAL : 0);
        if (redirect && logical && Message.mode(command) == Message.FIXED) {
            command = Message.withMode(command, Message.LOWEST_PRIORITY);
        }
        boolean broadcast = destination == XAPIC_BROADCAST || destination == X2APIC_BROADCAST;
        deliver(command, destination, broadcast);
    }

    /** An interprocessor interrupt. */
    void send(LocalApic source, int command, int destination, boolean x2apic) {
        switch (Message.shorthand(command)) {
            case Message.SELF -> source.accept(command);
            case Message.ALL -> deliverToAll(command, null);
            case Message.OTHERS -> deliverToAll(command, source);
            default -> deliver(command, destination, destination == (x2apic ? X2APIC_BROADCAST : XAPIC_BROADCAST));
        }
    }

    private void deliverToAll(int command, @org.jspecify.annotations.Nullable LocalApic but) {
        for (LocalApic apic : apics) {
            if (apic != but) {
                apic.accept(command);
            }
        }
    }

    private void deliver(int command, int destination, boolean broadcast) {
        boolean logical = Message.isLogical(command);
        if (Message.mode(command) == Message.LOWEST_PRIORITY) {
            deliverToLowest(command, destination, logical, broadcast);
            return;
        }
        for (LocalApic apic : apics) {
            if (broadcast || apic.matches(destination, logical)) {
                apic.accept(command);
            }
        }
    }

    private void deliverToLowest(int command, int destination, boolean logical, boolean broadcast) {
        LocalApic[] all = apics;
        int best = -1;
        int bestPriority = Integer.MAX_VALUE;
        for (int i = 1; i <= all.length; i++) {
            int n = (lastChosen + i) % all.length;
            LocalApic apic = all[n];
            if (apic.canArbitrate() && (broadcast || apic.matches(destination, logical))) {
                int priority = apic.processorPriority();
                if (priority < bestPriority) {
                    best = n;
                    bestPriority = priority;
                }
            }
        }
        if (best >= 0) {
            lastChosen = best;
            all[best].accept(command);
        }
    }
}
