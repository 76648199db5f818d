package jcrosvm.app;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.ConfigException;
import jcrosvm.config.Numbers;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.control.ControlClient;
import jcrosvm.control.Reply;
import jcrosvm.vmm.VmRequest;
import org.jspecify.annotations.Nullable;

/** A command that asks one thing of a running VM through its control socket. */
abstract class SocketCommand extends Command {
    private static final int DEFAULT_SECONDS = 60;
    private static final int MAX_SHOWN = 500;
    private static final int MAX_SECONDS = 2_000_000;

    private static final Option<Integer> TIMEOUT = Option.word(
            "timeout", Integer.class, "SECONDS", "How long to wait for the VM's answer (default 60, 0 for ever).");
    private static final Syntax.Positional VM_SOCKET =
            new Syntax.Positional("VM_SOCKET", null, true, "Control socket of the VM: the path given to run --socket.");

    static Syntax syntax(String name, String summary, Option<?>... options) {
        return syntax(name, summary, List.of(), options);
    }

    /** @param before words in front of VM_SOCKET */
    static Syntax syntax(String name, String summary, List<Syntax.Positional> before, Option<?>... options) {
        List<Option<?>> all = new ArrayList<>(List.of(options));
        all.add(TIMEOUT);
        List<Syntax.Positional> words = new ArrayList<>(before);
        words.add(VM_SOCKET);
        return new Syntax("jcrosvm " + name, summary, List.of(new Option.Group("Options", all)), words);
    }

    /** @throws UsageException when a word cannot be read */
    abstract VmRequest request(Arguments arguments);

    /** Seconds to wait where none are given. */
    int defaultTimeout(Arguments arguments) {
        return DEFAULT_SECONDS;
    }

    /** What to print on success, or null where the reply is not the one expected; empty for nothing. */
    @Nullable
    String output(Reply reply) {
        return reply instanceof Reply.Ok ? "" : null;
    }

    @Override
    final int run(Arguments arguments, boolean isExtended) {
        VmRequest request = request(arguments);
        Integer given = arguments.value(TIMEOUT);
        int seconds = given == null ? defaultTimeout(arguments) : given;
        if (seconds > MAX_SECONDS) {
            throw new UsageException("option --timeout: " + seconds + " seconds are more than " + MAX_SECONDS);
        }
        Path socket = Path.of(arguments.positionals().getLast());
        try (ControlClient client = ControlClient.connect(socket)) {
            Reply reply = client.send(request, seconds == 0 ? -1 : seconds * 1000);
            String output = output(reply);
            if (output == null) {
                System.out.println("unexpected response: " + printable(reply.toString()));
                return ExitCode.FAILURE;
            }
            System.out.print(output);
            System.out.flush();
            return ExitCode.SUCCESS;
        }
    }

    /** The listener need not be a VM: its text must hold nothing that a terminal would obey, and no more than some lines. */
    private static String printable(String text) {
        String shown = text.length() > MAX_SHOWN ? text.substring(0, MAX_SHOWN) + "..." : text;
        return shown.codePoints()
                .map(c -> Character.isISOControl(c) ? '?' : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }

    /**
     * A word that is a number.
     *
     * @throws UsageException when it is none
     */
    static long number(Arguments arguments, int index, String name) {
        String word = String.valueOf(arguments.positional(index));
        try {
            return Numbers.parse(word, 0, 0, Long.MAX_VALUE);
        } catch (ConfigException e) {
            throw new UsageException("invalid value '" + word + "' of " + name + ": " + e.getMessage(), e);
        }
    }
}
