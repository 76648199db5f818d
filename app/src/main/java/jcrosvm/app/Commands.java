package jcrosvm.app;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.Suggestion;
import jcrosvm.config.UsageException;

/** The commands by name. */
final class Commands {
    /** What there is, for the help: a name and a sentence. */
    record Entry(String name, String summary) {}

    static final List<Entry> ENTRIES = List.of(
            new Entry("run", "Start a VM"),
            new Entry("demo", "Boot a small Linux and show it"),
            new Entry("selftest", "Run a guest of a few bytes: can this host run a VM?"),
            new Entry("stop", "End a VM without telling its guest"),
            new Entry("suspend", "Suspend a VM's vCPUs, or all of it"),
            new Entry("resume", "Let a suspended VM run"),
            new Entry("powerbtn", "Press a VM's power button"),
            new Entry("sleepbtn", "Press a VM's sleep button"),
            new Entry("balloon", "Set the size of a VM's balloon"),
            new Entry("balloon_stats", "Print a guest's memory statistics"),
            new Entry("snd", "Silence the sound cards of a VM: mute-all"),
            new Entry("create_qcow2", "Make a qcow2 disk image"),
            new Entry("create_composite", "Make a disk of images as partitions"),
            new Entry("disk", "Look after disk images: info, check, resize"),
            new Entry("audio-conformance", "Measure how steadily the host plays sound"),
            new Entry("device", "Serve a device over vhost-user to a VM of another process"),
            new Entry("devices", "Serve several devices over vhost-user in one process"),
            new Entry("completion", "Print a script that completes words in bash"),
            new Entry("version", "Print the version"),
            new Entry("help", "Print this, or the help of a command"));

    /** crosvm's other commands. */
    private static final List<String> REFUSED = List.of(
            "balloon_ws",
            "battery",
            "gpe",
            "gpu",
            "make_rt",
            "run-main",
            "run-metrics",
            "run-mp",
            "run-slirp",
            "snapshot",
            "swap",
            "usb",
            "vfio",
            "virtio-net");

    private Commands() {}

    /**
     * The command with this name.
     *
     * @throws UsageException when there is none
     * @throws VmmException when crosvm has one that this program has not
     */
    static Command find(String name) {
        return switch (name) {
            case "run" -> new RunCommand();
            case "demo" -> new DemoCommand();
            case "selftest" -> new SelfTestCommand();
            case "stop" -> new StopCommand();
            case "suspend" -> new SuspendCommand();
            case "resume" -> new ResumeCommand();
            case "powerbtn" -> new PowerButtonCommand();
            case "sleepbtn" -> new SleepButtonCommand();
            case "balloon" -> new BalloonCommand();
            case "balloon_stats" -> new BalloonStatsCommand();
            case "snd" -> new SndCommand();
            case "create_qcow2" -> new CreateQcow2Command();
            case "create_composite" -> new CreateCompositeCommand();
            case "disk" -> new DiskCommand();
            case "audio-conformance" -> new AudioConformanceCommand();
            case "device" -> new DeviceCommand();
            case "devices" -> new DevicesCommand();
            case "completion" -> new CompletionCommand();
            case "version" -> new VersionCommand();
            case "help" -> new HelpCommand();
            default -> throw unknown(name);
        };
    }

    private static VmmException unknown(String name) {
        if (REFUSED.contains(name)) {
            return new VmmException("command '" + name + "' is not supported yet");
        }
        List<String> names = new ArrayList<>(REFUSED);
        ENTRIES.forEach(entry -> names.add(entry.name()));
        return new UsageException("unknown command '" + name + "'" + Suggestion.clause(name, names)
                + "; 'jcrosvm help' lists the commands");
    }
}
