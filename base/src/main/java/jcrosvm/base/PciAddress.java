package jcrosvm.base;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Bus, device and function numbers of one PCI function, the host's or the guest's. */
public record PciAddress(int bus, int device, int function) {
    private static final Pattern FORM =
            Pattern.compile("(?:([0-9a-fA-F]{1,4}):)?([0-9a-fA-F]{1,2}):([0-9a-fA-F]{1,2})\\.([0-7])");

    /**
     * Reads {@code [DDDD:]BB:DD.F}, all hexadecimal.
     *
     * @throws VmmException when it is not of that form
     */
    public static PciAddress parse(String text) {
        Matcher m = FORM.matcher(text);
        if (!m.matches() || (m.group(1) != null && Integer.parseInt(m.group(1), 16) != 0)) {
            throw new VmmException("'" + text + "' is not a PCI address of this machine: write it as 00:1f.0");
        }
        int device = Integer.parseInt(m.group(3), 16);
        if (device > 31) {
            throw new VmmException(
                    "PCI address '" + text + "': there is no device " + device + " on a bus, at most 1f");
        }
        return new PciAddress(Integer.parseInt(m.group(2), 16), device, Integer.parseInt(m.group(4), 16));
    }

    /** The form of lspci with a domain: {@code 0000:00:1f.0}. */
    @Override
    public String toString() {
        return "0000:%02x:%02x.%d".formatted(bus, device, function);
    }
}
