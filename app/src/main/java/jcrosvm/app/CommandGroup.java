package jcrosvm.app;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import jcrosvm.config.Arguments;
import jcrosvm.config.HelpText;
import jcrosvm.config.Suggestion;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import org.jspecify.annotations.Nullable;

/** A word with commands of its own behind it. */
abstract class CommandGroup extends Command {
    private final String name;
    private final String summary;
    private final Map<String, Supplier<Command>> members;

    /** @param members by name, in the order that the help shows them */
    CommandGroup(String name, String summary, Map<String, Supplier<Command>> members) {
        this.name = name;
        this.summary = summary;
        this.members = members;
    }

    /** A command of the group that users are not told of, if the words are for one. */
    @Nullable
    Command hidden(List<String> words) {
        return null;
    }

    @Override
    final Syntax syntax() {
        List<String> sentences = new ArrayList<>();
        members.forEach((word, member) ->
                sentences.add(word + ": " + member.get().syntax().summary()));
        return new Syntax(
                "jcrosvm " + name,
                summary,
                List.of(),
                List.of(new Syntax.Positional("COMMAND", null, true, String.join(" ", sentences))));
    }

    @Override
    final int run(List<String> words, boolean isExtended) {
        String first = words.isEmpty() ? "" : words.getFirst();
        if (first.equals("--help") || first.equals("-h") || first.equals("help")) {
            System.out.print(HelpText.of(syntax()));
            System.out.flush();
            return ExitCode.SUCCESS;
        }
        Command hidden = hidden(words);
        if (hidden != null) {
            return hidden.run(words.subList(1, words.size()), isExtended);
        }
        Supplier<Command> member = members.get(first);
        if (member == null) {
            String known = "; there are " + String.join(", ", members.keySet());
            throw new UsageException(
                    words.isEmpty()
                            ? "a command is missing behind '" + name + "'" + known
                            : "unknown command '" + name + " " + first + "'"
                                    + Suggestion.clause(first, List.copyOf(members.keySet())) + known);
        }
        return member.get().run(words.subList(1, words.size()), isExtended);
    }

    @Override
    final int run(Arguments arguments, boolean isExtended) {
        throw new IllegalStateException("a group has no arguments of its own");
    }
}
