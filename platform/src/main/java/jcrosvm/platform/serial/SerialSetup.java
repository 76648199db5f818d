package jcrosvm.platform.serial;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;
import jcrosvm.serial.SerialConfig;

/**
 * What a machine makes of its {@code --serial} options.
 *
 * @param ports COM1 to COM4
 * @param debugcons debug consoles
 * @param kernelParameters such as {@code console=ttyS0}
 * @param readsStandardInput whether one of them, or a virtio console, has it for its input
 */
public record SerialSetup(
        List<SerialConfig> ports,
        List<SerialConfig> debugcons,
        List<String> kernelParameters,
        boolean readsStandardInput) {
    /** I/O ports of COM1 to COM4. */
    public static final List<Integer> BASES = List.of(0x3f8, 0x2f8, 0x3e8, 0x2e8);

    /**
     * Without a console, and unless COM1 is configured, COM1 is standard output and input and the console. COM ports
     * that are not configured are there all the same. Virtio consoles are devices of another bus: they only count for
     * what contradicts what, and for whether there is a console.
     *
     * @throws VmmException when an option is wrong in itself or contradicts another
     */
    public static SerialSetup of(List<SerialConfig> configs) {
        configs.forEach(SerialConfig::validate);
        checkTogether(configs);
        List<SerialConfig> ports = new ArrayList<>();
        for (int num = 1; num <= BASES.size(); num++) {
            ports.add(port(configs, num));
        }
        List<SerialConfig> debugcons = configs.stream()
                .filter(c -> c.hardware() == SerialConfig.Hardware.DEBUGCON)
                .sorted((a, b) -> Integer.compare(a.num(), b.num()))
                .toList();
        List<String> parameters = new ArrayList<>();
        for (SerialConfig port : ports) {
            if (port.console()) {
                parameters.add("console=ttyS" + (port.num() - 1));
            }
            if (port.earlycon()) {
                parameters.add("earlycon=uart8250,io,0x%x".formatted(BASES.get(port.num() - 1)));
            }
        }
        boolean stdin = Stream.concat(configs.stream(), ports.stream()).anyMatch(SerialConfig::stdin);
        return new SerialSetup(List.copyOf(ports), debugcons, List.copyOf(parameters), stdin);
    }

    private static SerialConfig port(List<SerialConfig> configs, int num) {
        for (SerialConfig config : configs) {
            if (config.hardware() == SerialConfig.Hardware.SERIAL && config.num() == num) {
                return config;
            }
        }
        if (num == 1 && configs.stream().noneMatch(SerialConfig::console)) {
            return SerialConfig.standardConsole(configs.stream().noneMatch(SerialConfig::stdin));
        }
        return SerialConfig.sink(num);
    }

    private static void checkTogether(List<SerialConfig> configs) {
        Map<SerialConfig.Hardware, Set<Integer>> seen = new EnumMap<>(SerialConfig.Hardware.class);
        Set<Integer> debugconPorts = new HashSet<>();
        SerialConfig stdin = null;
        SerialConfig earlycon = null;
        for (SerialConfig c : configs) {
            SerialConfig.Hardware kind = c.hardware().isVirtio() ? SerialConfig.Hardware.VIRTIO_CONSOLE : c.hardware();
            if (!seen.computeIfAbsent(kind, hardware -> new HashSet<>()).add(c.num())) {
                throw new VmmException(c.label() + " is given twice");
            }
            if (c.hardware() == SerialConfig.Hardware.DEBUGCON && !debugconPorts.add(c.debugconPort())) {
                throw new VmmException(
                        "%s: debugcon-port 0x%x is used by another one".formatted(c.label(), c.debugconPort()));
            }
            if (c.stdin()) {
                if (stdin != null) {
                    throw new VmmException(c.label() + ": stdin is used by " + stdin.label() + " already");
                }
                stdin = c;
            }
            if (c.earlycon()) {
                if (earlycon != null) {
                    throw new VmmException(c.label() + ": " + earlycon.label() + " is the earlycon already");
                }
                earlycon = c;
            }
        }
    }
}
