package org.example.tally;

import java.util.Map;
import java.util.TreeMap;

/** Counts votes; a person votes once, the last vote counts. */
public final class Tally {
    private final Map<String, String> votes = new TreeMap<>();

    public void vote(String person, String option) {
        if (person.isBlank() || option.isBlank()) {
            throw new IllegalArgumentException("a vote names a person and an option");
        }
        votes.put(person, option);
    }

    public int count(String option) {
        int count = 0;
        for (String voted : votes.values()) {
            if (voted.equals(option)) {
                count++;
            }
        }
        return count;
    }

    public String winner() {
        String best = null;
        for (String option : votes.values()) {
            if (best == null || count(option) > count(best)) {
                best = option;
            }
        }
        return best == null ? "nobody voted" : best;
    }

    public void withdraw(String person) {
        votes.remove(person);
    }
}
