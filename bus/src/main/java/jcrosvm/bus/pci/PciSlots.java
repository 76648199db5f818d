package jcrosvm.bus.pci;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.PciAddress;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/** The places of one bus. Guarded by the lock of {@link PciBus}. */
final class PciSlots {
    static final int DEVICES = 32;
    static final int FUNCTIONS = 8;

    private final PciSlot[] slots = new PciSlot[DEVICES * FUNCTIONS];

    /** @param deviceFunction device number in bits 7 to 3, function number in bits 2 to 0 */
    @Nullable
    PciSlot at(int deviceFunction) {
        return slots[deviceFunction & 0xff];
    }

    /** @throws VmmException when the place is taken or does not exist */
    void requireFree(PciAddress address, PciFunction function) {
        if (address.device() < 0
                || address.device() >= DEVICES
                || address.function() < 0
                || address.function() >= FUNCTIONS) {
            throw new VmmException("PCI address " + address + " of " + function.name() + " does not exist");
        }
        PciSlot other = slots[index(address)];
        if (other != null) {
            throw new VmmException(
                    "PCI address " + address + " of " + function.name() + " is taken by " + other.function.name());
        }
    }

    void put(PciSlot slot) {
        slots[index(slot.address)] = slot;
    }

    /** Null too when there is no such place. */
    @Nullable
    PciSlot find(PciAddress address) {
        boolean exists = address.device() >= 0
                && address.device() < DEVICES
                && address.function() >= 0
                && address.function() < FUNCTIONS;
        return exists ? slots[index(address)] : null;
    }

    /** @throws VmmException when the guest cannot find the function, because its device has no function 0 */
    void requireFirst(PciAddress address, PciFunction function) {
        if (slots[address.device() * FUNCTIONS] == null) {
            throw new VmmException("PCI address " + address + " of " + function.name()
                    + " cannot be found by the guest: that device has no function 0");
        }
    }

    void remove(PciSlot slot) {
        slots[index(slot.address)] = null;
    }

    boolean isFree(int device) {
        for (int function = 0; function < FUNCTIONS; function++) {
            if (slots[device * FUNCTIONS + function] != null) {
                return false;
            }
        }
        return true;
    }

    /** By address. */
    List<PciSlot> present() {
        List<PciSlot> present = new ArrayList<>();
        for (PciSlot slot : slots) {
            if (slot != null) {
                present.add(slot);
            }
        }
        return present;
    }

    /** Whether the device has other functions than this one. */
    boolean hasOthers(PciAddress address) {
        return present().stream()
                .anyMatch(slot -> slot.address.device() == address.device() && !slot.address.equals(address));
    }

    /**
     * Has the first function of each device tell whether there are others.
     *
     * @throws VmmException when a device has functions but no function 0
     */
    void markMultiFunction() {
        for (PciSlot slot : present()) {
            if (slot.address.function() != 0) {
                requireFirst(slot.address, slot.function);
                slots[slot.address.device() * FUNCTIONS].config.markMultiFunction();
            }
        }
    }

    private static int index(PciAddress address) {
        return address.device() * FUNCTIONS + address.function();
    }
}
