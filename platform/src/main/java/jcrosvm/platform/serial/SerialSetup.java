package jcrosvm.platform.serial;

import java.util.List;

/**
 * What a machine makes of its {@code --serial} options.
 *
 * @param ports COM1 to COM4
 * @param debugcons debug consoles
 * @param kernelParameters such as {@code console=ttyS0}
 */
public record SerialSetup(List<SerialConfig> ports, List<SerialConfig> debugcons, List<String> kernelParameters) {
    /** @throws jcrosvm.base.VmmException when the options contradict each other */
    public static SerialSetup of(List<SerialConfig> configs) {
        return new SerialSetup(List.of(), List.of(), List.of());
    }
}
