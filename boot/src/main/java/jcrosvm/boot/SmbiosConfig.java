package jcrosvm.boot;

import java.util.List;
import java.util.UUID;
import jcrosvm.base.VmmException;
import jcrosvm.config.Help;
import org.jspecify.annotations.Nullable;

/**
 * {@code --smbios}: what the SMBIOS tables tell about the machine; absent values take a default.
 *
 * @param uuid in the usual 8-4-4-4-12 form
 * @param oemStrings free text for the guest, in order
 */
public record SmbiosConfig(
        @Help @Nullable String biosVendor,
        @Help @Nullable String biosVersion,
        @Help @Nullable String manufacturer,
        @Help @Nullable String productName,
        @Help @Nullable String serialNumber,
        @Help(argument = "UUID") @Nullable String uuid,
        @Help List<String> oemStrings) {
    public SmbiosConfig {
        oemStrings = List.copyOf(oemStrings);
    }

    public static SmbiosConfig defaults() {
        return new SmbiosConfig(null, null, null, null, null, null, List.of());
    }

    /** @throws VmmException if a value cannot be put in a table */
    public void validate() {
        text("bios-vendor", biosVendor);
        text("bios-version", biosVersion);
        text("manufacturer", manufacturer);
        text("product-name", productName);
        text("serial-number", serialNumber);
        oemStrings.forEach(value -> text("oem-strings", value));
        if (oemStrings.size() > 255) {
            throw new VmmException("smbios oem-strings: " + oemStrings.size() + " strings, at most 255 fit");
        }
        parsedUuid();
    }

    /** The UUID, nil when none was given. */
    public UUID parsedUuid() {
        if (uuid == null) {
            return new UUID(0, 0);
        }
        if (!uuid.matches("\\p{XDigit}{8}(-\\p{XDigit}{4}){3}-\\p{XDigit}{12}")) {
            throw new VmmException("smbios uuid: '" + uuid + "' is not of the form 8-4-4-4-12 hexadecimal digits");
        }
        return UUID.fromString(uuid);
    }

    private static void text(String key, @Nullable String value) {
        if (value != null && value.indexOf('\0') >= 0) {
            throw new VmmException("smbios " + key + ": a zero byte cannot be part of a string");
        }
    }
}
