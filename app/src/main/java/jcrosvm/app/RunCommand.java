package jcrosvm.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.app.log.Log;
import jcrosvm.base.VmmException;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.sandbox.LogSettings;
import jcrosvm.vmm.config.KnownOptions;
import jcrosvm.vmm.config.VmConfig;
import jcrosvm.vmm.config.VmOptions;

/** {@code run}: starts a VM and stays with it until its end. */
final class RunCommand extends Command {
    private static final int DEFAULT_GRACE_SECONDS = 10;
    private static final int MAX_GRACE_SECONDS = 1_000_000;
    private static final Path COMM = Path.of("/proc/self/comm");
    private static final String NO_SANDBOX = "nothing is sandboxed yet: a guest that breaks out of its devices has the"
            + " rights of this process (--disable-sandbox accepts that)";

    private static final Option<Integer> GRACE_PERIOD = Option.word(
            "grace-period",
            Integer.class,
            "SECONDS",
            "SIGTERM, SIGINT and SIGHUP press the power button; the VM is stopped this much later (default 10), or"
                    + " at once by a signal that comes a second or more after the first.");
    private static final Option<String> SYSLOG_TAG = Option.word(
                    "syslog-tag", String.class, "TAG", "Name of this program in the host's log.")
            .deprecated("--syslog-tag in front of run");

    private static final Option<Path> LOGS_DIRECTORY = Option.word(
            "logs-directory",
            Path.class,
            "DIR",
            "Folder for the files that devices in processes of their own write their messages to: snd0_syslog.log, and"
                    + " snd0_stdout.log and snd0_stderr.log for what else they write.");

    @Override
    Syntax syntax() {
        return syntaxOfRun();
    }

    static Syntax syntaxOfRun() {
        List<Option.Group> groups = new ArrayList<>(VmOptions.groups());
        groups.add(new Option.Group("Process", List.of(GRACE_PERIOD, SYSLOG_TAG, LOGS_DIRECTORY)));
        return new Syntax(
                "jcrosvm run",
                "Starts a VM and stays until it ends.",
                groups,
                List.of(VmOptions.KERNEL),
                new KnownOptions());
    }

    @Override
    int run(Arguments given, boolean isExtended) {
        Arguments arguments = VmOptions.withFiles(given, syntax());
        String tag = arguments.value(SYSLOG_TAG);
        if (tag != null) {
            Log.tag(tag);
        }
        LogSettings log = LogSettings.current();
        String syslogTag = log.syslogTag() == null || tag == null ? log.syslogTag() : tag;
        new LogSettings(log.filter(), syslogTag, arguments.value(LOGS_DIRECTORY)).use();
        for (Option<?> option : arguments.deprecated()) {
            Log.warn("--" + option.name() + " is deprecated: use " + option.replacement());
        }
        VmConfig config = VmOptions.read(arguments);
        Integer grace = arguments.value(GRACE_PERIOD);
        if (grace != null && grace > MAX_GRACE_SECONDS) {
            throw new UsageException("option --grace-period: " + grace + " seconds are more than " + MAX_GRACE_SECONDS);
        }
        if (config.name() != null) {
            nameProcess(config.name());
        }
        boolean isKnown = VmOptions.isSandboxDisabled(arguments);
        return VmSession.run(config, grace == null ? DEFAULT_GRACE_SECONDS : grace, isExtended, vm -> {
            if (!isKnown) {
                Log.warn(NO_SANDBOX);
            }
        });
    }

    /** For ps, top and pgrep. A thread's name would be set by prctl, but the main thread is not the process's first. */
    private static void nameProcess(String name) {
        try {
            Files.writeString(COMM, name);
        } catch (IOException e) {
            throw new VmmException("--name: cannot name the process '" + name + "': " + e.getMessage(), e);
        }
    }
}
