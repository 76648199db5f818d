package jcrosvm.bus.pci;

import jcrosvm.bus.IrqLine;

/**
 * The slot of a root port: its PCI Express capability (PCI Express 5.0, 7.5.3) and the events of hot-plug (6.7), with an
 * attention button and a power controller that obeys at once. All that changes is in configuration space. Guarded by the
 * lock of {@link PciBus}.
 */
final class PciHotplugSlot {
    private static final int CAPABILITY = 0x10;
    private static final int SIZE = 0x3c;
    /** Version 2, a root port, whose slot is implemented. */
    private static final int EXPRESS = 2 | 4 << 4 | 1 << 8;

    private static final int DEVICE_CAPABILITIES = 0x04;
    private static final int ROLE_BASED_ERRORS = 1 << 15;
    private static final int DEVICE_CONTROL = 0x08;
    private static final int DEVICE_CONTROL_BITS = 0x7fff & ~0x0f00;
    private static final int LINK_CAPABILITIES = 0x0c;
    private static final int GEN1_X1 = 1 | 1 << 4;
    private static final int REPORTS_LINK = 1 << 20;
    private static final int LINK_CONTROL = 0x10;
    private static final int LINK_CONTROL_BITS = 0x00c3;
    private static final int LINK_STATUS = 0x12;
    private static final int LINK_ACTIVE = 1 << 13;
    private static final int SLOT_CAPABILITIES = 0x14;
    private static final int SLOT_CONTROL = 0x18;
    private static final int SLOT_STATUS = 0x1a;
    private static final int ROOT_CONTROL = 0x1c;
    private static final int ROOT_CONTROL_BITS = 0x0f;

    private static final int BUTTON_POWER_CONTROLLER_AND_LAMP = 1 | 1 << 1 | 1 << 4;
    private static final int HOTPLUG = 1 << 6;
    private static final int NO_COMMAND_COMPLETED = 1 << 18;
    private static final int NUMBER_SHIFT = 19;

    private static final int INTERRUPT_ENABLE = 1 << 5;
    private static final int POWER_LAMP = 3 << 8;
    private static final int POWER_OFF = 1 << 10;

    private static final int BUTTON_PRESSED = 1;
    private static final int PRESENCE_CHANGED = 1 << 3;
    private static final int PRESENT = 1 << 6;
    private static final int LINK_CHANGED = 1 << 8;
    /** The bit in slot control that lets {@link #LINK_CHANGED} interrupt; the others' have the same place. */
    private static final int LINK_CHANGED_ENABLE = 1 << 12;

    private static final int CONTROL_BITS =
            BUTTON_PRESSED | PRESENCE_CHANGED | INTERRUPT_ENABLE | POWER_LAMP | POWER_OFF | LINK_CHANGED_ENABLE;

    private final PciConfigSpace config;
    private final int at;
    private final Runnable poweredOff;
    private IrqLine line = level -> {};

    /**
     * @param number of the slot, as users see it
     * @param poweredOff called when the guest switches an occupied slot off: what is there may be removed
     */
    PciHotplugSlot(PciConfigSpace config, int number, Runnable poweredOff) {
        this.config = config;
        this.poweredOff = poweredOff;
        at = config.addCapability(CAPABILITY, new byte[SIZE - 2]);
        config.set16(at + 2, EXPRESS);
        config.set32(at + DEVICE_CAPABILITIES, ROLE_BASED_ERRORS);
        config.allow(at + DEVICE_CONTROL, 2, DEVICE_CONTROL_BITS);
        config.set32(at + LINK_CAPABILITIES, GEN1_X1 | REPORTS_LINK);
        config.allow(at + LINK_CONTROL, 2, LINK_CONTROL_BITS);
        config.set16(at + LINK_STATUS, GEN1_X1);
        int slot = BUTTON_POWER_CONTROLLER_AND_LAMP | HOTPLUG | NO_COMMAND_COMPLETED | number << NUMBER_SHIFT;
        config.set32(at + SLOT_CAPABILITIES, slot);
        config.allow(at + SLOT_CONTROL, 2, CONTROL_BITS);
        config.allowClear(at + SLOT_STATUS, 2, BUTTON_PRESSED | PRESENCE_CHANGED | LINK_CHANGED);
        config.allow(at + ROOT_CONTROL, 2, ROOT_CONTROL_BITS);
        config.derived(at + LINK_STATUS, 2, LINK_ACTIVE);
    }

    void line(IrqLine interrupt) {
        line = interrupt;
    }

    /** The user asks the guest to let go of what is there, or to use it. */
    void pressAttentionButton() {
        raise(BUTTON_PRESSED);
        update();
    }

    /**
     * There is something behind the port now, or nothing any more. A device that comes into a slot without power presses the
     * attention button too: where there is one, Linux does not listen to the presence of a device.
     */
    void occupied(boolean isOccupied) {
        int status = config.get16(at + SLOT_STATUS);
        if (isOccupied != ((status & PRESENT) != 0)) {
            boolean isOff = (config.get16(at + SLOT_CONTROL) & POWER_OFF) != 0;
            config.set16(at + SLOT_STATUS, status ^ PRESENT);
            raise(isOccupied && isOff ? PRESENCE_CHANGED | BUTTON_PRESSED : PRESENCE_CHANGED);
            update();
        }
    }

    private boolean isPresent() {
        return (config.get16(at + SLOT_STATUS) & PRESENT) != 0;
    }

    private void raise(int event) {
        config.set16(at + SLOT_STATUS, config.get16(at + SLOT_STATUS) | event);
    }

    void afterConfigWrite(int offset, int size) {
        if (offset < at + SLOT_STATUS + 2 && offset + size > at + SLOT_CONTROL) {
            update();
        }
    }

    /** The link follows from presence and power, the interrupt from all events that are enabled. */
    private void update() {
        int control = config.get16(at + SLOT_CONTROL);
        int link = config.get16(at + LINK_STATUS);
        boolean active = isPresent() && (control & POWER_OFF) == 0;
        if (active != ((link & LINK_ACTIVE) != 0)) {
            config.set16(at + LINK_STATUS, link ^ LINK_ACTIVE);
            raise(LINK_CHANGED);
            if (!active && isPresent()) {
                poweredOff.run();
            }
        }
        int status = config.get16(at + SLOT_STATUS);
        int events = status & control & (BUTTON_PRESSED | PRESENCE_CHANGED);
        boolean linkEvent = (status & LINK_CHANGED) != 0 && (control & LINK_CHANGED_ENABLE) != 0;
        line.set((control & INTERRUPT_ENABLE) != 0 && (events != 0 || linkEvent));
    }
}
